import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.workers.errors import EffectRefused
from giornata.workers.rendering.output import LOWEST_QUALITY, fit_bytes


@given(st.integers(LOWEST_QUALITY, 100), st.integers(1, 100), st.integers(0, 10_000))
def test_the_best_quality_that_fits_is_found_and_written_last(quality: int, slope: int, most: int) -> None:
    written = []

    def write(tried: int) -> int:
        written.append(tried)
        return tried * slope

    fitting = [q for q in range(LOWEST_QUALITY, quality + 1) if q * slope <= most]
    if not fitting:
        with pytest.raises(EffectRefused, match="needed more bytes or fewer px"):
            fit_bytes(write, quality=quality, max_bytes=most)
        return
    assert fit_bytes(write, quality=quality, max_bytes=most) == fitting[-1] == written[-1]
    assert len(written) <= 9
