"""From a hostile file to upright working pixels on disk, in a process of its own."""
