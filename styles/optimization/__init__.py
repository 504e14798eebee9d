"""Optimisation-based transfer (Gatys et al. 2016): exact gradients over tiles."""
