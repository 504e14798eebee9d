"""The verdict on every hostile and unusual file of the test data, header first, then all samples."""

from pathlib import Path

import numpy as np
import pytest

from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from giornata.workers.source import RejectCode

OK, WARNED = "ok", "ok_with_warnings"
ODD = {
    "exifsamples_corrupted.jpg": RejectCode.CORRUPT,
    "loris_jpeg_named.jp2": OK,
    "pillow_broken.png": RejectCode.TRUNCATED,
    "pillow_crash-338516dbd2f0e83caddb8ce256c22db3bd6dc40f.tif": RejectCode.TRUNCATED,
    "pillow_dispose_op_previous.png": OK,
    "pillow_hopper_bad_exif.jpg": RejectCode.CORRUPT,
    "pillow_jpeg_ff00_header.jpg": WARNED,
    "pillow_oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": RejectCode.CORRUPT,
    "pillow_photoshop-200dpi-broken.jpg": WARNED,
    "pillow_pil_sample_cmyk.jpg": WARNED,
    "pillow_sugarshack.mpo": OK,
    "pillow_truncated_image.png": RejectCode.TRUNCATED,
    "pillow_ultrahdr.jpg": RejectCode.TRUNCATED,
    "sharp_16-bit-grey-alpha.png": OK,
    "sharp_Channel_digital_image_CMYK_color.jpg": OK,
    "sharp_Crash_test.gif": OK,
    "sharp_alpha-premultiply-2048x1536-paper.png": OK,
    "sharp_corrupt-header.jpg": RejectCode.TRUNCATED,
    "sharp_grey-8bit-alpha.png": OK,
    "sharp_rotating-squares.webp": RejectCode.MULTI_PAGE,
    "sharp_truncated.jpg": RejectCode.TRUNCATED,
    "tiff_cmyk16_depth.tiff": WARNED,
    "tiff_rgb16_small.tiff": OK,
    "vips_17000x17000.avif": RejectCode.BOMB,
    "vips_indexed.png": OK,
    "vips_looks-like-svg.webp": OK,
    "vips_truncated.gif": RejectCode.TRUNCATED,
    "zimeon_red-19000x19000.png": RejectCode.BOMB,
    "zune_huge_sof_number.jpg": OK,
}
SCANS = {
    "photo_lighthouse_rgb48.ppm": RejectCode.UNSUPPORTED_FORMAT,
    "scan_indian_ferns_0004.tif": WARNED,
    "scan_sbb_bilevel_0001.tif": OK,
    "tiff_4d_ome.tif": RejectCode.UNSUPPORTED_DEPTH,
    "tiff_earthlab_lidar16.tif": RejectCode.UNSUPPORTED_DEPTH,
    "tiff_lab16.tif": OK,
    "tiff_multipage_fax_g31d.tif": RejectCode.MULTI_PAGE,
    "tiff_scan_palette_lzw.tiff": OK,
    "tiff_survey_plan_662260.tif": RejectCode.UNSUPPORTED_FORMAT,  # old-style JPEG
}
CASES = [("odd", name, wanted) for name, wanted in ODD.items()] + [
    ("scans", name, wanted) for name, wanted in SCANS.items()
]


@pytest.mark.parametrize(("folder", "name", "wanted"), CASES, ids=[name for _, name, _ in CASES])
def test_an_odd_file_gets_its_verdict(
    sandbox: Sandbox, test_data: Path, tmp_path: Path, folder: str, name: str, wanted: str | RejectCode
) -> None:
    path = test_data / folder / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    if isinstance(wanted, RejectCode):
        with pytest.raises(Rejected) as caught:
            sandbox.decode(path, tmp_path)
        assert caught.value.args[1] is wanted
        assert list(tmp_path.iterdir()) == []
    else:
        verdict = sandbox.verdict(path)
        assert verdict.word == wanted
        picture = sandbox.decode(path, tmp_path)
        assert picture.pixels.shape == (picture.height, picture.width, 3)


@pytest.mark.parametrize("view", ["Landscape", "Portrait"])
def test_the_same_scene_stands_upright_whatever_its_orientation(
    sandbox: Sandbox, test_data: Path, tmp_path: Path, view: str
) -> None:
    views = sorted((test_data / "odd" / "exif").glob(f"{view}_[1-8].jpg"))
    if len(views) < 2:
        pytest.skip("no orientation examples")
    # Each file carries its own number in print, so the pictures agree only outside of that.
    seen = []
    for number, path in enumerate(views):
        picture = sandbox.decode(path, tmp_path / str(number))
        seen.append(picture.pixels[::8, ::8].astype(int))
    assert {pixels.shape for pixels in seen} == {seen[0].shape}
    assert all(np.abs(pixels - seen[0]).mean() < 12 for pixels in seen)
