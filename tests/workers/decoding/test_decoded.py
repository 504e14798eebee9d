from pathlib import Path

import numpy as np
import pytest

from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from tests.workers.blocks import camera_exif
from tests.workers.pictures import built_in_profile, image, noise, with_profile


@pytest.fixture
def decoded(sandbox: Sandbox, tmp_path: Path) -> DecodedImage:
    """A picture with everything a source can bring along."""
    rgba = with_profile(image(noise(width=9, height=6, bands=4)), built_in_profile("p3"))
    rgba.set_type(rgba.get_typeof("icc-profile-data"), "exif-data", b"Exif\0\0" + camera_exif())
    rgba.tiffsave(str(tmp_path / "a.tif"))
    return sandbox.decode(tmp_path / "a.tif", tmp_path / "scratch")


def test_a_picture_opens_as_maps_that_cannot_be_written(decoded: DecodedImage) -> None:
    assert decoded.pixels.shape == (9, 6, 3)  # the camera was held sideways
    assert not decoded.pixels.flags.writeable
    assert decoded.alpha is not None
    assert decoded.alpha.shape == (9, 6)
    assert {"pixels.npy", "alpha.npy", "source.icc"} <= set(decoded.files)
    assert all(path.is_file() and path.name == name for name, path in decoded.files.items())


def test_a_picture_moved_with_all_its_files_is_the_same(decoded: DecodedImage, tmp_path: Path) -> None:
    pixels, alpha = np.array(decoded.pixels), np.array(decoded.alpha)
    (tmp_path / "elsewhere").mkdir()
    for name, path in decoded.files.items():
        path.rename(tmp_path / "elsewhere" / name)
    moved = decoded.moved(tmp_path / "elsewhere")
    assert moved.files == {name: tmp_path / "elsewhere" / name for name in decoded.files}
    assert np.array_equal(moved.pixels, pixels)
    assert np.array_equal(np.asarray(moved.alpha), alpha)
    assert moved.facts == decoded.facts


def test_a_picture_is_known_again_by_its_folder_and_facts(decoded: DecodedImage, tmp_path: Path) -> None:
    assert DecodedImage.in_folder(tmp_path / "scratch", facts=decoded.facts) == decoded
    assert DecodedImage.model_validate_json(decoded.model_dump_json()) == decoded


def test_what_a_picture_lacks_has_no_path(sandbox: Sandbox, tmp_path: Path) -> None:
    image(noise(width=3, height=3)).pngsave(tmp_path / "a.png", keep="none")
    plain = sandbox.decode(tmp_path / "a.png", tmp_path / "plain")
    assert set(plain.files) == {"pixels.npy"}
    assert plain.alpha is None
    assert plain.moved(tmp_path).alpha_path is None
