from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from giornata.styles.errors import MissingPictures
from giornata.styles.training.data import PhotoCrops, pictures_in, read_picture, to_unit


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs, one of them too small for a crop of 64 px, and a note."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "sub").mkdir()
    Image.fromarray(data.astronaut()).resize((160, 120)).save(folder / "b.JPG", "JPEG")
    Image.fromarray(data.coffee()).resize((40, 40)).save(folder / "sub" / "a.png")
    (folder / "notes.txt").write_text("x")
    return folder


def test_pictures_are_found_in_order_less_those_that_are_left_out(photos: Path) -> None:
    both = (photos / "b.JPG", photos / "sub" / "a.png")
    assert pictures_in([photos]) == both
    assert pictures_in([photos], without=["a"]) == both[:1]


def test_a_picture_is_reduced_and_never_enlarged(photos: Path) -> None:
    assert read_picture(photos / "b.JPG", 60).shape == (3, 60, 80)
    whole = read_picture(photos / "sub" / "a.png", 60)
    with Image.open(photos / "sub" / "a.png") as image:
        assert np.array_equal(whole.permute(1, 2, 0).numpy(), np.asarray(image))
    assert to_unit(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]


def test_crops_repeat_with_their_seed_and_lie_in_range(photos: Path) -> None:
    crops = PhotoCrops([photos], crop_px=64)
    assert len(crops.photos) == 1  # the other one is too small
    one, same, other = (crops.draw(5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.shape == (5, 3, 64, 64)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert 0 <= one.min() <= one.max() <= 1


def test_without_a_photograph_that_is_large_enough_nothing_is_drawn(photos: Path) -> None:
    with pytest.raises(MissingPictures, match="at least one photograph of 500 px or more"):
        PhotoCrops([photos], crop_px=500)
    with pytest.raises(MissingPictures, match="no folder"):
        PhotoCrops([], crop_px=8)
    with pytest.raises(MissingPictures, match="the given files"):
        PhotoCrops.of_files([photos / "sub" / "a.png"], crop_px=64)
