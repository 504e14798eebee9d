"""How styles are made: recipe, data, objective, trainer, preview."""
