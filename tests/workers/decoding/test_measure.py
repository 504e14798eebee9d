from pathlib import Path

import tifffile

from giornata.jobs.planning.estimate import Size
from giornata.workers.decoding.measure import HeaderMeasure, header_size
from giornata.workers.decoding.sandbox import Sandbox
from tests.workers import hostile
from tests.workers.odd_sources import ramp
from tests.workers.pictures import image, photo, with_orientation, written


def test_a_size_is_read_upright(sandbox: Sandbox, tmp_path: Path) -> None:
    with_orientation(image(photo()), 8).jpegsave(tmp_path / "a.jpg")
    assert header_size(tmp_path / "a.jpg", sandbox=sandbox) == (64, 96)


def test_what_cannot_be_rendered_has_no_size(sandbox: Sandbox, tmp_path: Path) -> None:
    assert header_size(written(tmp_path / "a.jpg", b"<html>"), sandbox=sandbox) is None


def test_the_planner_gets_what_it_asks_for(tmp_path: Path) -> None:
    image(photo()).pngsave(tmp_path / "a.png")
    with HeaderMeasure() as measure:
        assert measure(str(tmp_path / "a.png")) == Size(96, 64)
        assert measure(str(tmp_path / "none.png")) is None


def test_pages_and_samples_that_a_job_may_allow_have_a_size(sandbox: Sandbox, tmp_path: Path) -> None:
    written(tmp_path / "a.gif", hostile.animation("gif"))
    assert header_size(tmp_path / "a.gif", sandbox=sandbox) == (40, 64)
    tifffile.imwrite(tmp_path / "a.tif", ramp())
    assert header_size(tmp_path / "a.tif", sandbox=sandbox) == (8, 8)
