"""How good a styled image is, measured: likeness to the photograph, likeness to the painting, faults, votes."""
