from pathlib import Path

import numpy as np
import pytest
import pyvips

from giornata.cluster.bench.batch import NAMES, photograph, write_photographs


@pytest.mark.parametrize("number", [0, len(NAMES) - 1, len(NAMES) + 1])
def test_a_photograph_fills_any_size_and_is_always_the_same(number: int) -> None:
    for width, height in ((48, 48), (90, 30), (31, 77)):
        made = photograph(number, width, height)
        assert (made.shape, made.dtype) == ((height, width, 3), np.uint8)
        assert made.std() > 5
        assert np.array_equal(made, photograph(number, width, height))


def test_no_two_photographs_are_alike(tmp_path: Path) -> None:
    paths = write_photographs(tmp_path / "photos", len(NAMES) + 2, 40)
    assert len({path.read_bytes() for path in paths}) == len(NAMES) + 2
    with_sizes = [pyvips.Image.new_from_file(str(path)) for path in paths]
    assert {(image.width, image.height) for image in with_sizes} == {(40, 40)}
