"""What a job says about its sources travels with every request, and ends with it."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import Pages, PictureFormat
from giornata.jobs.spec.output import SourceLimits
from giornata.workers.decoding.options import DecodeOptions, Limits
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import BadLimits, Rejected
from giornata.workers.source import RejectCode
from tests.workers.pictures import encoded, image, photo, written


def task(**more: object) -> RenderTask:
    made = {"item_id": "1", "source": "/a", "target": "/b", "style_label": "s", "mix": {"s": 1.0}}
    return RenderTask.model_validate({**made, "format": PictureFormat.PNG, **more})


def test_a_task_overrides_only_what_it_names() -> None:
    reading = DecodeOptions.of(
        task(pages=Pages.FIRST, float_range=(0, 4095), limits={"max_pixels": 7, "cpu_s": 2}),
        limits=Limits(max_bands=4, max_pixels=9),
    )
    assert (reading.pages, reading.float_range) == (Pages.FIRST, (0, 4095))
    assert reading.limits == Limits(max_bands=4, max_pixels=7, cpu_s=2)


def test_what_a_spec_may_limit_is_what_a_worker_knows() -> None:
    """And with the same least values: a spec that is taken must not be refused by the worker."""
    lowest = {name: 128 if name == "memory_mb" else 1 for name in SourceLimits.model_fields}
    assert Limits().overridden(SourceLimits(**lowest).given).model_dump().items() >= lowest.items()


@pytest.mark.parametrize(
    ("given", "got"),
    [
        pytest.param({"max_pixel": 7}, "max_pixel: 7", id="no such limit"),
        pytest.param({"max_pixels": 0}, "max_pixels: 0", id="nothing allowed"),
        pytest.param({"memory_mb": 1}, "memory_mb: 1", id="too little to start with"),
    ],
)
def test_a_limit_that_cannot_be_is_told_with_those_that_are(given: dict[str, float], got: str) -> None:
    with pytest.raises(BadLimits) as caught:
        Limits().overridden(given)
    assert got in str(caught.value)
    assert "max_metadata_bytes" in str(caught.value)


@pytest.mark.parametrize("range", [(1, 1), (2, 1), (float("nan"), 1)])
def test_a_range_goes_up(range: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="lowest, highest"):
        DecodeOptions(float_range=range)


LIMITS = {
    "max_file_bytes": 50,
    "max_width_px": 90,
    "max_height_px": 60,
    "max_pixels": 6000,
    "max_bands": 2,
    "max_metadata_bytes": 10,
}


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_named_where_it_refuses(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    image(photo()).jpegsave(tmp_path / "a.jpg")
    verdict = sandbox.verdict(
        tmp_path / "a.jpg", DecodeOptions(limits=Limits().overridden({name: LIMITS[name]}))
    )
    assert verdict.code in (RejectCode.TOO_LARGE, RejectCode.UNSUPPORTED_BANDS)
    assert f"the limit is {LIMITS[name]} ({name})" in verdict.reason


def test_one_process_serves_jobs_with_other_limits_in_turn(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", encoded("png"))
    small = DecodeOptions(limits=Limits(max_pixels=10))
    with Sandbox() as sandbox:
        for _ in range(2):
            assert sandbox.verdict(path).word == "ok"
            assert sandbox.verdict(path, small).code is RejectCode.TOO_LARGE
        first = sandbox.pid
        assert sandbox.verdict(path, DecodeOptions(limits=Limits(memory_mb=500))).word == "ok"
        assert sandbox.pid == first
        more = DecodeOptions(limits=Limits(memory_mb=sandbox.limits.memory_mb + 1))
        assert sandbox.verdict(path, more).word == "ok"
        assert sandbox.pid != first  # what a process may use at most is set for good


def test_less_memory_than_the_process_has_holds_for_one_request(tmp_path: Path) -> None:
    image(np.zeros((2048, 30_000, 3), np.uint8)).tiffsave(
        tmp_path / "a.tif", compression="deflate", tile=True, tile_width=2048, tile_height=2048
    )
    tight = DecodeOptions(limits=Limits(memory_mb=128))
    with Sandbox() as sandbox:
        with pytest.raises(Rejected) as caught:
            sandbox.decode(tmp_path / "a.tif", tmp_path / "one", tight)
        assert caught.value.args[1] is RejectCode.MEMORY
        assert sandbox.decode(tmp_path / "a.tif", tmp_path / "two").width == 30_000
