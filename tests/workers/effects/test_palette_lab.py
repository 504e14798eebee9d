import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from giornata.workers.effects.palette import delta_e, from_lab, to_lab

# From the test data of Sharma, Wu and Dalal 2005: the pairs that wrong implementations get wrong.
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.1848, -84.8006), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "expected"), PAIRS)
def test_published_differences_come_out(
    first: tuple[float, ...], second: tuple[float, ...], expected: float
) -> None:
    found = delta_e(np.array(first, np.float32), np.array(second, np.float32))
    assert float(found) == pytest.approx(expected, abs=2e-4)


def test_colours_go_to_lab_and_back() -> None:
    colours = np.random.default_rng(1).random((500, 3)).astype(np.float32)
    lab = to_lab(colours)
    assert np.abs(lab - rgb2lab(colours[None])[0]).max() < 0.05
    assert np.abs(from_lab(lab) - colours).max() < 1e-4


def test_differences_agree_with_another_implementation() -> None:
    rng = np.random.default_rng(2)
    one, two = (to_lab(rng.random((1000, 3)).astype(np.float32)) for _ in range(2))
    assert np.abs(delta_e(one, two) - deltaE_ciede2000(one, two)).max() < 1e-3
