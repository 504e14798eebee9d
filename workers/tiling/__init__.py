"""Tiles, the canvas, and what waits between phases."""
