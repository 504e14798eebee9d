"""Previews: what browsers can show of any image, newest request first, in a folder that stays bounded."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from giornata.cluster.dashboard.previews import Previews, PreviewSize
from giornata.cluster.dashboard.work_queue import PreviewUnavailable


def test_a_sixteen_bit_tiff_and_a_cmyk_jpeg_come_as_jpegs_in_three_sizes(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 900 * 600 * 3).reshape(600, 900, 3).astype(np.uint16)
    pyvips.Image.new_from_array(deep, interpretation="rgb16").tiffsave(str(tmp_path / "deep.tif"))
    Image.new("CMYK", (300, 200), (0, 200, 200, 10)).save(tmp_path / "print.jpg")
    previews = Previews(tmp_path / "kept")
    try:
        for name in ("deep.tif", "print.jpg"):
            for size in PreviewSize:
                made = previews.ask(tmp_path / name, size).result(60)
                with Image.open(made) as small:
                    assert (small.format, small.mode) == ("JPEG", "RGB")
                    assert max(small.size) <= size.side_px
        assert previews.ask(tmp_path / "deep.tif", PreviewSize.SMALL).done()
    finally:
        previews.close()


def test_what_is_no_picture_has_none_and_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_bytes(b"not a picture")
    previews = Previews(tmp_path / "kept")
    try:
        with pytest.raises(PreviewUnavailable):
            previews.ask(tmp_path / "words.png", PreviewSize.SMALL).result(60)
        assert previews.ask(tmp_path / "words.png", PreviewSize.SMALL).done()
        with pytest.raises(PreviewUnavailable):
            previews.ask(tmp_path / "nothing.png", PreviewSize.SMALL).result(0)
    finally:
        previews.close()
