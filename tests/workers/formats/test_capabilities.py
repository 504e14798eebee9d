import numpy as np
import pytest
import pyvips

from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.formats.capabilities import HOLDS, Sample, Space, fits, limit_words, same_format
from giornata.workers.source import Format


@pytest.mark.parametrize("format", Format)
def test_same_is_a_format_that_is_written(format: Format) -> None:
    written = same_format(format)
    assert written in HOLDS
    assert written == (format.value if format.value in HOLDS and format is not Format.AVIF else "png")


def test_every_format_but_same_is_known() -> None:
    assert set(HOLDS) == set(PictureFormat) - {PictureFormat.SAME}
    for holds in HOLDS.values():
        assert Space.RGB in holds.spaces
        assert Sample.UINT8 in holds.samples


@pytest.mark.parametrize("sample", Sample)
def test_sample_types_are_called_as_numpy_and_libvips_call_them(sample: Sample) -> None:
    pixels = np.zeros((1, 1), sample.value)
    assert pixels.itemsize == sample.bytes
    assert pyvips.Image.new_from_array(pixels).format == sample.vips


@pytest.mark.parametrize(
    ("format", "width", "height", "fitting"),
    [
        (PictureFormat.JPEG, 65_500, 1, True),
        (PictureFormat.JPEG, 1, 65_501, False),
        (PictureFormat.WEBP, 16_383, 6_103, True),
        (PictureFormat.WEBP, 16_383, 6_104, False),
        (PictureFormat.TIFF, 1_000_000, 1_000_000, True),
    ],
)
def test_a_picture_fits_by_its_sides_and_its_pixels(
    format: PictureFormat, width: int, height: int, fitting: bool
) -> None:
    assert fits(format, width, height) is fitting


def test_limits_are_told_in_words() -> None:
    assert limit_words(PictureFormat.WEBP) == "16383 px a side and 100 megapixels"
    assert limit_words(PictureFormat.JPEG) == "65500 px a side"
    assert limit_words(PictureFormat.TIFF) == ""
