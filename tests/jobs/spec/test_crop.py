import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.spec.crop import (
    CropBox,
    CropNeed,
    TaskCrop,
    crop_box,
    crop_size,
    enlargement,
    largest_crop,
    master_size,
)

SIDES = st.integers(1, 5000)
SHARES = st.floats(0, 1)
ASPECTS = st.floats(0.1, 10)


def crop(aspect: float, **more: object) -> TaskCrop:
    return TaskCrop.model_validate({"label": "x", "need": CropNeed(aspect=aspect), **more})


@given(SIDES, SIDES, ASPECTS, SHARES, SHARES)
def test_a_crop_lies_in_its_picture_and_holds_the_focal_point(
    width: int, height: int, aspect: float, x: float, y: float
) -> None:
    box = crop_box((width, height), crop(aspect, focal=(x, y)))
    assert box.left >= 0 and box.left + box.width <= width
    assert box.top >= 0 and box.top + box.height <= height
    assert box.width == width or box.height == height
    assert box.left - 0.5 <= x * width <= box.left + box.width + 0.5
    assert box.top - 0.5 <= y * height <= box.top + box.height + 0.5


@given(SIDES, SIDES, ASPECTS, SHARES, SHARES, st.tuples(SHARES, SHARES, SHARES, SHARES))
def test_a_safe_area_that_fits_is_inside(
    width: int, height: int, aspect: float, x: float, y: float, corners: tuple[float, float, float, float]
) -> None:
    left, right = sorted(corners[:2])
    top, bottom = sorted(corners[2:])
    box = crop_box((width, height), crop(aspect, focal=(x, y), safe=(left, top, right, bottom)))
    if box.cut == (0, 0):
        assert box.left <= left * width and right * width <= box.left + box.width + 1e-9
        assert box.top <= top * height and bottom * height <= box.top + box.height + 1e-9
    else:
        assert 0 <= box.left <= width - box.width
        assert 0 <= box.top <= height - box.height


def test_a_safe_area_that_is_too_wide_is_cut_evenly_and_counted() -> None:
    box = crop_box((1000, 500), crop(1.0, focal=(0.9, 0.5), safe=(0.1, 0, 0.9, 1)))
    assert box == CropBox(250, 0, 500, 500, (300, 0))


@given(SIDES, SIDES, st.lists(st.tuples(ASPECTS, st.none() | st.integers(1, 3000)), min_size=1, max_size=5))
def test_every_crop_can_be_cut_from_the_master(
    width: int, height: int, wanted: list[tuple[float, int | None]]
) -> None:
    needs = [CropNeed(aspect=aspect, size=size) for aspect, size in wanted]
    master = master_size((width, height), needs)
    assert master[0] <= width and master[1] <= height
    if master != (width, height):
        for need in needs:
            box = CropBox(0, 0, *largest_crop(master, need.aspect))
            # Half a pixel of rounding is not an enlargement that shows.
            assert enlargement(box, crop_size(box, need)) <= 1 + 1 / min(box.width, box.height)


@pytest.mark.parametrize(
    ("aspect", "size", "expected"),
    [(1.91, None, (955, 500)), (1.0, 250, (250, 250)), (2.0, (300, 150), (300, 150)), (0.5, 100, (50, 100))],
)
def test_sizes_of_crops(aspect: float, size: int | tuple[int, int] | None, expected: tuple[int, int]) -> None:
    box = crop_box((1000, 500), crop(aspect))
    assert crop_size(box, CropNeed(aspect=aspect, size=size)) == expected
