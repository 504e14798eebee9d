"""How good a styled image is: likeness to the photograph and to the painting, faults, votes."""
