"""One image: pixels in, pixels out. No ray."""
