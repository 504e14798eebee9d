"""What is done to images around a style: brush, crops, masks, palettes, regions."""
