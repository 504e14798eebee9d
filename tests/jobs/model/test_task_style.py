from collections.abc import Callable
from pathlib import Path

from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskOptimise, TaskUniversal
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.style import StyleImage, StyleSpec
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "irises", universal=("irises",))


def tasks_of(spec: JobSpec, base: Path) -> list[RenderTask]:
    (base / "scans").mkdir(exist_ok=True)
    (base / "scans" / "a.jpg").write_bytes(b"x")
    return list(expand(spec, base=base, styles=STYLES))


def test_a_task_carries_images_by_their_paths_and_versions(tmp_path: Path, spec_of: SpecOf) -> None:
    (tmp_path / "b.jpg").write_bytes(b"12345")
    style = {"images": ["b.jpg", {"path": "s3://bucket/c.jpg", "share": 2}], "levels": 3}
    spec = spec_of(styles=[{**style, "label": "mix"}])
    told = TaskUniversal(images=(StyleImage(path=str(tmp_path / "b.jpg")),), stamps=("5-1",))
    assert told.stamp_of(str(tmp_path / "b.jpg")) == "5-1"
    (near,) = tasks_of(spec.model_copy(update={"styles": (StyleSpec(image="b.jpg", levels=3),)}), tmp_path)
    assert near.engine is EngineKind.UNIVERSAL
    assert near.mix == {}
    assert near.universal is not None
    assert near.universal.levels == 3
    assert near.universal.pictures == (str(tmp_path / "b.jpg"),)
    assert near.reads == (near.source, str(tmp_path / "b.jpg"))
    assert near.stamp_of(str(tmp_path / "b.jpg")).startswith("5-")


def test_an_optimisation_moved_elsewhere_takes_all_its_pictures_along() -> None:
    images = (StyleImage(path="/in/a.png", mask="/in/m.png", share=3), StyleImage(path="/in/b.png"))
    near = TaskOptimise(images=images, previous="/in/p.png", steps=9, stamps=("1", "2", "3", "4"))
    assert near.pictures == ("/in/a.png", "/in/m.png", "/in/b.png", "/in/p.png")
    assert [near.stamp_of(name) for name in near.pictures] == ["1", "2", "3", "4"]
    assert near.stamp_of("/in/none.png") == ""
    moved = near.elsewhere(lambda name: name.replace("/in/", "/scratch/"))
    assert moved.pictures == tuple(name.replace("/in/", "/scratch/") for name in near.pictures)
    assert (moved.images[0].share, moved.settings) == (3, {"steps": 9})


def test_images_moved_elsewhere_keep_their_shares() -> None:
    near = TaskUniversal(images=(StyleImage(path="/in/a.png", share=2), StyleImage(path="/in/b.png")))
    moved = near.elsewhere(lambda name: f"{name}.copy")
    assert [(image.path, image.share) for image in moved.images] == [
        ("/in/a.png.copy", 2),
        ("/in/b.png.copy", 1),
    ]
