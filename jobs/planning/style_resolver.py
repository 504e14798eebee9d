"""What a style of a spec stands for: its weights or its pictures, the engine that paints it, and versions."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from giornata.jobs.errors import PlanRefused
from giornata.jobs.model.paths import is_url, located
from giornata.jobs.model.task_style import TaskOptimise, TaskUniversal
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.storage import Storage
from giornata.jobs.spec.style import OptimizationSpec, StyleSpec
from giornata.jobs.spec.universal import USUAL_SIZE_PX
from giornata.jobs.storage.base import StoreFinder

Pictures = TypeVar("Pictures", TaskOptimise, TaskUniversal)


class StyleCatalog(Protocol):
    """Knows which styles there are, and tells one version of a style from the next."""

    def names(self) -> Collection[str]: ...

    def engines(self, mix: Mapping[str, float]) -> frozenset[EngineKind]:
        """The engines that paint these styles; only styles of one engine can be mixed."""

    def version(self, mix: Mapping[str, float], *, encoder: str = "", is_universal: bool = False) -> str:
        """Changes when the engine or the weights of one of these styles do, or those of an `encoder`.

        `is_universal` says that images are painted by the universal engine, whose weights count as well.
        """


def optimisation_of(style: StyleSpec, base: Path) -> TaskOptimise | None:
    """The pictures and options of a style that is optimised, with absolute paths."""
    if style.resolved_engine is not EngineKind.OPTIMIZATION:
        return None
    choice = style.optimise or OptimizationSpec()

    def place(path: str | None) -> str | None:
        return None if path is None else located(path, base=base)

    images = tuple(
        image.model_copy(update={"path": place(image.path), "mask": place(image.mask)})
        for image in (*style.pictures, *choice.images)
    )
    previous = place(choice.previous)
    optimisation = TaskOptimise(
        images=images,
        previous=previous,
        encoder=place(choice.encoder)
        if choice.encoder and "/" in choice.encoder
        else choice.encoder or "auto",
        steps=style.steps,
        choice=choice.model_copy(update={"images": (), "encoder": None, "previous": None}),
    )
    return stamped(optimisation)


def universal_of(style: StyleSpec, base: Path) -> TaskUniversal | None:
    """The images and settings of a style of the universal engine, with absolute paths."""
    if style.resolved_engine is EngineKind.OPTIMIZATION or not (style.pictures or style.universal_settings):
        return None
    images = tuple(
        image.model_copy(update={"path": located(image.path, base=base)}) for image in style.pictures
    )
    return stamped(
        TaskUniversal(
            images=images,
            levels=style.levels,
            structure=style.structure,
            transform=style.transform,
            size_px=style.style_size or USUAL_SIZE_PX,
        )
    )


def pictures_of(style: StyleSpec, base: Path) -> tuple[str, ...]:
    """Absolute paths or addresses of all pictures that a style reads."""
    task_style = optimisation_of(style, base) or universal_of(style, base)
    return task_style.pictures if task_style else ()


def stamped(task_style: Pictures) -> Pictures:
    """The same style with the versions of its pictures that are on disk now."""
    stamps = tuple("" if is_url(name) else source_stamp(name) for name in task_style.pictures)
    return task_style.model_copy(update={"stamps": stamps})


def pinned(task_style: Pictures, stores: StoreFinder, storage: Storage) -> Pictures:
    """The same style with the versions of its pictures that are in buckets now.

    Raises `PlanRefused` when one is missing, `StorageError` when a bucket cannot be read.
    """
    stamps = []
    for name, stamp in zip(task_style.pictures, task_style.stamps, strict=True):
        head = stores.at(name, storage).stat(name) if is_url(name) else None
        if is_url(name) and head is None:
            raise PlanRefused((f"planning style picture {name}: no such object",), 1)
        stamps.append(head.fingerprint if head else stamp)
    return task_style.model_copy(update={"stamps": tuple(stamps)})


def all_weights(style: StyleSpec) -> dict[str, float]:
    """The styles a choice uses anywhere."""
    used = dict(style.weights)
    for region in style.regions:
        used.update(region.weights)
    return used


def strengths_of(spec: JobSpec, style: StyleSpec) -> tuple[float, ...]:
    """The strengths a style is rendered in: its own, those of the spec, or that of all pictures."""
    if style.strength is not None:
        return (style.strength,)
    return spec.strengths or (spec.render.strength,)


def source_stamp(source: str) -> str:
    """The version of a file, known without reading it: its size and the time of its last change."""
    try:
        status = os.stat(source)  # noqa: PTH116 - once per picture: pathlib is 5x slower
    except OSError:
        return ""  # the worker will say what is wrong with it
    return f"{status.st_size}-{status.st_mtime_ns}"
