from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.values import TaskChecks
from giornata.workers.errors import QualityRefused
from giornata.workers.rendering.quality import Measures, clipped_share, measure, picture_complaints, refuse
from giornata.workers.tiling.grid import TileGrid

GRID = TileGrid(width=512, height=512, core_px=128, stride=4, halo_px=64)


def strokes(source: NDArray[np.uint8], *, seam: int = 0) -> NDArray[np.uint8]:
    """Noise over the source, and a tile in the middle that is a little lighter."""
    styled = source.astype(int) + np.random.default_rng(0).integers(-25, 26, source.shape)
    styled[128:256, 256:384] += seam
    return np.clip(styled, 1, 254).astype(np.uint8)


def task_of(checks: TaskChecks, **more: object) -> RenderTask:
    words = {"item_id": "i", "source": "/a.png", "target": "/b.png", "style_label": "s", "mix": {"s": 1.0}}
    return RenderTask.model_validate({**words, "format": PictureFormat.PNG, "checks": checks, **more})


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_seam_shows_in_the_number_and_strokes_do_not(depth: type) -> None:
    scale = 1 if depth is np.uint8 else 257
    source = skimage.data.astronaut()
    deep = source.astype(depth) * depth(scale)
    plain, broken = (
        measure(strokes(source, seam=seam).astype(depth) * depth(scale), deep, GRID) for seam in (0, 12)
    )
    assert plain.seam < 2
    assert broken.seam > 5


def test_clipping_counts_what_the_style_added() -> None:
    source = np.full((64, 64, 3), 100, np.uint8)
    styled = source.copy()
    styled[:16] = 255
    source[:8] = 0
    assert clipped_share(styled) == 0.25
    assert measure(styled, source, None).clipping == pytest.approx(0.125)


def test_every_bound_has_a_sentence() -> None:
    measures = Measures(seam=3.2, clipping=0.2, ssim=0.31)
    task = task_of(TaskChecks(seam=1, clipping=0.05, ssim=0.4), min_ssim=0.6)
    told = list(picture_complaints(task, measures))
    assert told == [
        "a seam of 3.2 of 255 shows at a tile's border, allowed 1",
        "20.0% more of it than of the source is clipped, allowed 5.0%",
        "its similarity to the source is 0.310, needed 0.6",
    ]
    assert not list(picture_complaints(task_of(TaskChecks()), measures))


def test_what_is_refused_does_not_stay(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "info.json").touch()
    with pytest.raises(QualityRefused, match=r"checking the output of /a.png: too dark; too small"):
        refuse("/a.png", ["too dark", "too small"], target)
    assert not target.exists()
    refuse("/a.png", [], tmp_path)
    assert tmp_path.exists()
