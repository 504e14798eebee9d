import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from giornata.jobs.spec.values import TaskPalette
from giornata.workers.effects.palette import PaletteKeeper, delta_e, to_lab
from giornata.workers.tiling.arrays import to_depth

BLUE = np.array([0x00, 0x33, 0xAA], np.uint8)
PALETTE = TaskPalette(colours=("#0033aa", "#ffcc00"), delta_e=5)


def logo(height: int = 80, width: int = 120) -> NDArray[np.uint8]:
    """A photograph with a blue disc that is not quite even, as a compressed logo is."""
    picture = skimage.data.coffee()[:height, :width].copy()
    rows, columns = np.mgrid[:height, :width]
    disc = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < 25**2
    noise = np.random.default_rng(0).integers(-3, 4, picture.shape)
    picture[disc] = np.clip(BLUE + noise[disc], 0, 255)
    return picture


def styled(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Something far from it: turned colours and waves."""
    waves = 0.15 * np.sin(np.arange(picture.shape[1]) / 3)[None, :, None]
    return np.clip(picture[:, :, ::-1] / 255 + waves, 0, 1).astype(np.float32)


def distance_to_blue(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    lab = to_lab(picture)
    return delta_e(lab, np.broadcast_to(to_lab(BLUE / np.float32(255)), lab.shape))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_brand_colours_stay_within_the_tolerance(depth: type) -> None:
    picture = logo()
    source = picture if depth is np.uint8 else picture.astype(np.uint16) * 257
    result = PaletteKeeper(PALETTE, source).held(slice(0, 80), styled(picture))
    written = to_depth(result, np.dtype(depth)) / np.float32(np.iinfo(depth).max)
    brand = distance_to_blue(picture / np.float32(255)) <= 5
    assert brand.sum() > 1500
    assert distance_to_blue(styled(picture))[brand].min() > 20
    assert distance_to_blue(written.astype(np.float32))[brand].max() <= 5


def test_what_is_far_from_the_palette_is_left_to_the_style() -> None:
    picture = logo()
    away = styled(picture)
    result = PaletteKeeper(PALETTE, picture).held(slice(0, 80), away)
    changed = np.abs(result - away).max(axis=2) > 0
    assert changed.mean() < 0.35
    assert not changed[:10].any()


def test_a_style_that_keeps_the_colours_is_not_touched() -> None:
    picture = logo()
    same = (picture / np.float32(255)).astype(np.float32)
    result = PaletteKeeper(PALETTE, picture).held(slice(0, 80), same)
    brand = distance_to_blue(same) <= 4
    assert np.abs(result - same)[brand].max() < 1e-4


def test_bands_of_any_height_give_the_same_rows() -> None:
    picture = logo()
    keeper, away = PaletteKeeper(PALETTE, picture), styled(picture)
    whole = keeper.held(slice(0, 80), away)
    for step in (1, 7, 33):
        parts = [
            keeper.held(slice(top, min(80, top + step)), away[top : top + step]) for top in range(0, 80, step)
        ]
        assert np.array_equal(np.concatenate(parts), whole)


def test_the_texture_of_the_style_stays_inside_the_tolerance() -> None:
    picture = np.broadcast_to(BLUE, (40, 40, 3)).copy()
    result = PaletteKeeper(PALETTE, picture).held(slice(0, 40), styled(picture))
    assert len(np.unique(result.reshape(-1, 3), axis=0)) > 10
