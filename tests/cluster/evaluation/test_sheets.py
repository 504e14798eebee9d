from pathlib import Path

import numpy as np
from PIL import Image

from giornata.cluster.evaluation.images import write_image
from giornata.cluster.evaluation.protocol import image_path
from giornata.cluster.evaluation.sheets import CAPTION_PX, CELL_PX, GAP_PX, sheet_path, write_sheet
from giornata.cluster.evaluation.subjects import Photo, StylePainting


def plain(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.new("RGB", (64, 64), colour).save(path)
    return path


def test_photographs_go_down_and_the_paintings_that_a_method_has_go_across(tmp_path: Path) -> None:
    photos = [Photo(plain(tmp_path / f"{name}.png", (200, 0, 0)), 64) for name in ("one", "two")]
    paintings = [StylePainting(plain(tmp_path / f"{name}.png", (0, 200, 0))) for name in ("wave", "scream")]
    for photo in photos:  # of the second painting there is nothing
        painted = np.zeros((64, 64, 3), np.float32)
        painted[:, :, 2] = 200 / 255
        write_image(painted, image_path(tmp_path, "good", "wave", photo.name))
    made = write_sheet(tmp_path, "good", photos, paintings)
    assert made == sheet_path(tmp_path, "good")
    step = CELL_PX + GAP_PX
    with Image.open(made) as sheet:
        assert sheet.size == (2 * step + GAP_PX, 3 * step + GAP_PX + 2 * CAPTION_PX)

        def middle(column: int, line: int) -> tuple[int, ...]:
            place = (
                GAP_PX + column * step + CELL_PX // 2,
                GAP_PX + 2 * CAPTION_PX + line * step + CELL_PX // 2,
            )
            pixel = sheet.getpixel(place)
            assert isinstance(pixel, tuple)
            return tuple(round(value / 100) for value in pixel)

        assert [middle(0, line) for line in (1, 2)] == [(2, 0, 0)] * 2
        assert middle(1, 0) == (0, 2, 0)
        assert [middle(1, line) for line in (1, 2)] == [(0, 0, 2)] * 2
        assert middle(0, 0) == (2, 2, 2)
