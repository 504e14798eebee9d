"""The job store: tables, transactions, and one file for each kind of row."""
