"""One image from source to delivered file: the sequence, its context and its record."""
