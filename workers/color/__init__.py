"""From a source's colours to working sRGB and back, in float."""
