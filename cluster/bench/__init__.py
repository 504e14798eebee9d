"""Measurements against named alternatives, each table made in one run."""
