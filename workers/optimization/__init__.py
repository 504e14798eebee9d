"""Optimisation-based transfer over tiles, with checkpoints."""
