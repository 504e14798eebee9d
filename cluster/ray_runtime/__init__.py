"""Every call into Ray."""
