from collections.abc import Callable
from pathlib import Path

from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskUniversal
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "irises", universal=("irises",))


def tasks_of(spec: JobSpec, base: Path) -> list[RenderTask]:
    (base / "scans").mkdir(exist_ok=True)
    (base / "scans" / "a.jpg").write_bytes(b"x")
    return list(expand(spec, base=base, styles=STYLES))


def test_an_image_that_changed_is_the_same_wish_made_from_something_newer(
    tmp_path: Path, spec_of: SpecOf
) -> None:
    spec = spec_of(styles=[{"image": "b.jpg"}])
    (tmp_path / "b.jpg").write_bytes(b"12345")
    first = tasks_of(spec, tmp_path)[0].content_key()
    (tmp_path / "b.jpg").write_bytes(b"123456")
    second = tasks_of(spec, tmp_path)[0].content_key()
    assert first != second
    assert first[:20] == second[:20]


def test_a_style_by_name_is_of_the_engine_that_the_library_says(tmp_path: Path, spec_of: SpecOf) -> None:
    plain, deep, wave = tasks_of(
        spec_of(styles=["irises", {"name": "irises", "levels": 2, "label": "two"}, "wave"]), tmp_path
    )
    assert (plain.engine, plain.universal) == (EngineKind.UNIVERSAL, None)
    assert deep.universal == TaskUniversal(levels=2)
    assert deep.content_key() != plain.content_key()
    assert (wave.engine, wave.universal) == (EngineKind.FEEDFORWARD, None)
