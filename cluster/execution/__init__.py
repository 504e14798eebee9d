"""Render workers on Ray: the pool, the actor, distributed renders."""
