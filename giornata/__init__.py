"""Giornata: distributed batch rendering of neural style transfer."""

__version__ = "0.1.0"
