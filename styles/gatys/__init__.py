"""Style by optimisation, exact over tiles (Gatys, Ecker and Bethge 2016)."""
