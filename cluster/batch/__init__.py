"""One batch in one process: planning, the session, its progress, what it leaves."""
