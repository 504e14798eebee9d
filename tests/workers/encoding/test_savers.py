import pyvips

from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.encoding.savers import SAVE_OPTIONS, SaveOptions


def test_large_pictures_avoid_the_options_that_need_them_whole() -> None:
    flat = pyvips.Image.black(20_000, 20_000, bands=3)
    jpeg = SAVE_OPTIONS[PictureFormat.JPEG](flat, SaveOptions())
    tiff = SAVE_OPTIONS[PictureFormat.TIFF](flat.cast("ushort"), SaveOptions())
    assert (jpeg["optimize_coding"], jpeg["interlace"]) == (False, False)
    assert (tiff["tile"], tiff["bigtiff"]) == (True, True)
