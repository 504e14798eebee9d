"""Checking and cleaning: audit, garbage, orphans, verification."""
