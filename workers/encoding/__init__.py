"""From a canvas to deliverables: single files and pyramids."""
