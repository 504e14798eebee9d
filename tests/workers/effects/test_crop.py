from pathlib import Path

import numpy as np
import pytest

from giornata.jobs.spec.crop import CropNeed, CropStyling, TaskCrop
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects.crop import crop_warnings, to_show, to_style
from tests.workers.pictures import image, noise


def crop(aspect: float, size: int | tuple[int, int] | None = None, **more: object) -> TaskCrop:
    need = CropNeed(aspect=aspect, size=size)
    return TaskCrop.model_validate({"label": "x", "need": need, "all_needs": (need,), **more})


def decoded(tmp_path: Path, sandbox: Sandbox, *, alpha: bool = False) -> DecodedImage:
    path = tmp_path / "source.png"
    image(noise(width=120, height=80, bands=4 if alpha else 3)).pngsave(str(path))
    return sandbox.decode(path, tmp_path / "decoded")


def test_a_picture_that_fits_is_styled_as_it_is(tmp_path: Path, sandbox: Sandbox) -> None:
    working = decoded(tmp_path, sandbox)
    assert to_style(working, None, tmp_path / "crop") is working
    assert to_style(working, crop(1.0), tmp_path / "crop") is working
    assert not (tmp_path / "crop").exists()


def test_a_picture_is_styled_no_larger_than_its_crops_need(tmp_path: Path, sandbox: Sandbox) -> None:
    working = decoded(tmp_path, sandbox, alpha=True)
    small = to_style(working, crop(1.0, 40), tmp_path / "crop")
    assert (small.width, small.height) == (60, 40)
    assert small.pixels.shape == (40, 60, 3)
    assert small.alpha is not None and small.alpha.shape == (40, 60)
    assert abs(float(small.pixels.mean()) - float(working.pixels.mean())) < 2
    box, size = to_show((60, 40), crop(1.0, 40))
    assert box is not None
    assert (box.left, box.width, size) == (10, 40, (40, 40))


def test_each_crop_can_be_styled_by_itself(tmp_path: Path, sandbox: Sandbox) -> None:
    working = decoded(tmp_path, sandbox)
    each = crop(0.5, styling=CropStyling.EACH, focal=(1.0, 0.5))
    part = to_style(working, each, tmp_path / "crop")
    assert np.array_equal(part.pixels, working.pixels[:, 80:])
    assert to_show((40, 80), each) == (None, (40, 80))


def test_an_enlargement_is_never_silent(tmp_path: Path, sandbox: Sandbox) -> None:
    working = decoded(tmp_path, sandbox)
    large = crop(1.0, 160, styling=CropStyling.EACH)
    assert to_style(working, large, tmp_path / "crop").width == 80  # enlarged after styling, if at all
    assert crop_warnings(working, large) == ("x: enlarged 2.00 times, the source has 80×80 px there",)
    assert crop_warnings(working, crop(1.0, 80)) == ()


def test_a_safe_area_that_is_cut_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    working = decoded(tmp_path, sandbox)
    assert crop_warnings(working, crop(1.0, safe=(0, 0, 1, 1))) == (
        "x: the safe area is cut by 40×0 px of the source",
    )


@pytest.mark.parametrize("aspect", [0.3, 1.0, 3.0])
def test_what_is_shown_lies_inside(aspect: float) -> None:
    box, size = to_show((61, 47), crop(aspect))
    assert box is not None and size == (box.width, box.height)
    assert box.left >= 0 and box.left + box.width <= 61
    assert box.top >= 0 and box.top + box.height <= 47
