from pathlib import Path

import numpy as np
import pytest

from giornata.jobs.spec.crop import CropStyling
from giornata.jobs.spec.enums import Statistics
from giornata.jobs.spec.values import TaskChecks
from giornata.workers.errors import QualityRefused
from giornata.workers.rendering.renderer import OpenWorkDir, Renderer
from giornata.workers.tiling.executor import exact_totals
from tests.workers.rendering.image_tasks import crop_to, pixels, task_of

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_a_crop_is_cut_from_the_styled_whole(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    whole = task_of(source, tmp_path / "whole.png")
    renderer.render(whole, tmp_path / "whole.png")
    part = task_of(source, tmp_path / "part.png", crop=crop_to(1.0, focal=(0.0, 0.5)))
    made = renderer.render(part, tmp_path / "part.png")
    assert (made.width, made.height) == (120, 120)
    assert np.array_equal(pixels(tmp_path / "part.png"), pixels(tmp_path / "whole.png")[:, :120])


def test_crops_that_need_little_are_styled_small(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    task = task_of(source, tmp_path / "a.png", crop=crop_to(2.0, 80))
    with renderer.context.folder() as folder:
        working = renderer.prepare(task, OpenWorkDir(folder, lasting=False)).decoded
        assert (working.width, working.height) == (107, 80)  # so that the square crop has 80 px
    made = renderer.render(task, tmp_path / "a.png")
    assert (made.width, made.height) == (80, 40)


def test_the_strength_is_lowered_until_the_picture_is_faithful(
    tmp_path: Path, source: Path, renderer: Renderer
) -> None:
    floor = 0.7
    plain = renderer.render(task_of(source, tmp_path / "a.png", checks=TaskChecks()), tmp_path / "a.png")
    assert float(plain.facts["ssim"]) < floor
    held = renderer.render(task_of(source, tmp_path / "b.png", min_ssim=floor), tmp_path / "b.png")
    assert float(held.facts["ssim"]) >= floor
    assert 0 < float(held.facts["strength"]) < 1
    nearly = renderer.render(task_of(source, tmp_path / "c.png", min_ssim=0.9999), tmp_path / "c.png")
    assert float(nearly.facts["ssim"]) >= 0.9999
    assert float(nearly.facts["strength"]) < 0.1  # where the photograph's own pixels come in


def test_a_picture_that_its_trial_flattered_is_rendered_weaker(
    tmp_path: Path, source: Path, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "giornata.workers.rendering.prepare.faithful_strength", lambda *_, strength, floor: (0.6, 0.9)
    )
    task = task_of(source, tmp_path / "a.png", min_ssim=0.7)
    made = renderer.render(task, tmp_path / "a.png")
    assert float(made.facts["strength"]) < 0.6
    assert float(made.facts["ssim"]) >= 0.7


def test_what_is_not_good_enough_is_not_delivered(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    with pytest.raises(QualityRefused, match=r"similarity to the source is 0\.\d+, needed 0.99"):
        renderer.render(task_of(source, tmp_path / "a.png", checks=TaskChecks(ssim=0.99)), tmp_path / "a.png")
    small = task_of(source, tmp_path / "b.png", checks=TaskChecks(size=True), size=50)
    with pytest.raises(QualityRefused, match="needed the source's 160×120 px"):
        renderer.render(small, tmp_path / "b.png")
    assert not list(tmp_path.glob("*.png"))


def test_all_that_borrow_a_reference_have_one_mapping(
    tmp_path: Path, source: Path, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def counted(*args: object) -> object:
        found.append(1)
        return exact_totals(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("giornata.workers.rendering.paint.exact_totals", counted)
    borrow = {"statistics": Statistics.REFERENCE, "reference": str(source)}
    whole = task_of(source, tmp_path / "whole.png", **borrow)
    renderer.render(whole, tmp_path / "whole.png")
    each = crop_to(1.0, styling=CropStyling.EACH, focal=(0.0, 0.5))
    # Needs no scaling, so the mapping is that of the whole: same pixels, same totals, same result.
    part = task_of(source, tmp_path / "part.png", crop=each, **borrow)
    renderer.render(part, tmp_path / "part.png")
    again = task_of(source, tmp_path / "again.png", **borrow)
    renderer.render(again, tmp_path / "again.png")
    assert len(found) == 2  # for the whole and for what crops need of it, which is kept apart
    assert np.array_equal(pixels(tmp_path / "again.png"), pixels(tmp_path / "whole.png"))
    inside = np.s_[:, : 120 - 64]  # the network's reach from where the crop ends
    assert np.array_equal(pixels(tmp_path / "part.png")[inside], pixels(tmp_path / "whole.png")[inside])
