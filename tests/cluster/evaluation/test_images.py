from pathlib import Path

import numpy as np
import pytest
import pyvips

from giornata.cluster.evaluation.images import read_image
from giornata.styles.evaluation.errors import BadEvaluation


@pytest.mark.parametrize(
    ("bands", "interpretation"), [(1, "b-w"), (4, "srgb"), (3, "rgb16")], ids=["grey", "alpha", "16 bits"]
)
def test_an_image_of_any_kind_is_read_as_three_channels(
    bands: int, interpretation: str, tmp_path: Path
) -> None:
    deep = interpretation == "rgb16"
    samples = np.full((80, 200, bands), 0x8080 if deep else 0x80, np.uint16 if deep else np.uint8)
    path = tmp_path / "image.png"
    pyvips.Image.new_from_array(samples).copy(interpretation=interpretation).pngsave(str(path))
    image = read_image(path, 80, square=True)
    assert image.shape == (80, 80, 3)
    assert image.dtype == np.float32
    assert image.mean() == pytest.approx(0.502 if bands != 4 else 0.75, abs=0.01)


def test_the_short_side_is_what_was_asked_for_and_nothing_grows(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    pyvips.Image.black(400, 200, bands=3).copy(interpretation="srgb").pngsave(str(path))
    assert read_image(path, 100).shape == (100, 200, 3)
    assert read_image(path, 1000).shape == (200, 400, 3)


def test_what_is_no_image_or_too_small_is_refused_in_one_line(tmp_path: Path) -> None:
    text, small = tmp_path / "text.png", tmp_path / "small.png"
    text.write_text("no image")
    pyvips.Image.black(300, 20, bands=3).pngsave(str(small))
    for path in (text, small):
        with pytest.raises(BadEvaluation, match=path.name) as caught:
            read_image(path, 96)
        assert "\n" not in str(caught.value)
