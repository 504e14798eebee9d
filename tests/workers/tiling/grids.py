"""Grids of every shape, for property tests."""

from hypothesis import strategies as st

from giornata.workers.tiling.grid import TileGrid

grids = st.builds(
    TileGrid,
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    core_px=st.sampled_from([64, 96, 128]),
    stride=st.just(4),
    halo_px=st.just(16),
    overlap_px=st.sampled_from([0, 8, 32]),
)
