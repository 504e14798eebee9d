"""What a style is and how it is made. No ray, no jobs."""
