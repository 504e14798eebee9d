"""The feed-forward engine: one network of many styles, exact over tiles."""
