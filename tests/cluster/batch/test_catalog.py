"""An estimate knows that an optimisation does many steps at several sizes."""

import pytest

from giornata.cluster.batch.catalog import (
    STEP_S_PER_MEGAPIXEL,
    UNIVERSAL_MEGAPIXELS_PER_S_PER_CORE,
    VGG19_TIMES_SLOWER,
    cost_on,
)
from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskOptimise
from giornata.jobs.planning.estimate import Size
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.style import OptimizationSpec, StyleImage
from tests.support.job_rows import task


def optimisation(**more: object) -> RenderTask:
    told = TaskOptimise(
        images=(StyleImage(path="/p.jpg"),),
        **{"encoder": "compact", "steps": 300, "choice": OptimizationSpec(), **more},  # type: ignore[arg-type]
    )
    return task("a").model_copy(update={"engine": EngineKind.OPTIMIZATION, "mix": {}, "optimise": told})


def test_a_network_takes_its_pixels_once() -> None:
    assert cost_on(4)(task("a"), Size(2000, 1000)) == pytest.approx(2.5)


def test_an_optimisation_takes_them_at_every_step_of_every_scale() -> None:
    steps = 300 * 256 * 256 + 100 * 512 * 512 + 33 * 1024 * 1024
    wanted = STEP_S_PER_MEGAPIXEL * steps / 1e6
    assert cost_on(1)(optimisation(), Size(1024, 1024)) == pytest.approx(wanted)
    assert cost_on(4)(optimisation(), Size(1024, 1024)) == pytest.approx(wanted / 4)
    once = optimisation(choice=OptimizationSpec(growth="none"), steps=7)
    assert cost_on(1)(once, Size(1000, 500)) == pytest.approx(STEP_S_PER_MEGAPIXEL * 7 / 2)


def test_a_vgg_19_of_ones_own_takes_longer() -> None:
    own, ours = optimisation(encoder="/nowhere/vgg.pth"), optimisation()
    size = Size(512, 512)
    assert cost_on(1)(own, size) == pytest.approx(VGG19_TIMES_SLOWER * cost_on(1)(ours, size))


def test_the_universal_engine_has_a_pace_of_its_own() -> None:
    plain, size = task("a"), Size(1000, 1000)
    universal = plain.model_copy(update={"engine": EngineKind.UNIVERSAL})
    assert cost_on(2)(universal, size) == 1 / (2 * UNIVERSAL_MEGAPIXELS_PER_S_PER_CORE)
    assert cost_on(2)(universal, size) < cost_on(2)(plain, size)
