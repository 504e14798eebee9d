"""What a style of a spec stands for: its weights, the pictures of an optimisation, and versions of them."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from giornata.jobs.asset import located
from giornata.jobs.errors import PlanRefused
from giornata.jobs.optimise import OptimiseChoice, StyleImage, TaskOptimise
from giornata.jobs.places import is_url
from giornata.jobs.ports import Places
from giornata.jobs.spec import JobSpec
from giornata.jobs.spec_entries import StyleChoice
from giornata.jobs.storage import Storage


class StyleCheck(Protocol):
    """Knows which styles there are, and tells one version of a style from the next."""

    def names(self) -> Collection[str]: ...

    def version(self, mix: Mapping[str, float], *, encoder: str = "") -> str:
        """Changes when the engine or the weights of one of these styles do, or those of an `encoder`."""


def optimisation_of(style: StyleChoice, base: Path) -> TaskOptimise | None:
    """The pictures and options of a style that is a picture, with absolute paths."""
    if style.image is None:
        return None
    choice = style.optimise or OptimiseChoice()

    def place(path: str | None) -> str | None:
        return None if path is None else located(path, base=base)

    images = tuple(
        image.model_copy(update={"path": place(image.path), "mask": place(image.mask)})
        for image in (StyleImage(path=style.image), *choice.images)
    )
    previous = place(choice.previous)
    told = TaskOptimise(
        images=images,
        previous=previous,
        encoder=place(choice.encoder)
        if choice.encoder and "/" in choice.encoder
        else choice.encoder or "auto",
        steps=style.steps,
        choice=choice.model_copy(update={"images": (), "encoder": None, "previous": None}),
    )
    stamps = tuple("" if is_url(name) else source_stamp(name) for name in told.pictures)
    return told.model_copy(update={"stamps": stamps})


def pinned(told: TaskOptimise, places: Places, storage: Storage) -> TaskOptimise:
    """The same with the versions of its pictures that are in buckets now.

    Raises `PlanRefused` when one is not there, `PlaceError` when nobody can say.
    """
    stamps = []
    for name, stamp in zip(told.pictures, told.stamps, strict=True):
        found = places.at(name, storage).head(name) if is_url(name) else None
        if is_url(name) and found is None:
            raise PlanRefused((f"planning style picture {name}: no such object",), 1)
        stamps.append(found.stamp if found else stamp)
    return told.model_copy(update={"stamps": tuple(stamps)})


def all_weights(style: StyleChoice) -> dict[str, float]:
    """The styles a choice uses anywhere."""
    used = dict(style.weights)
    for region in style.regions:
        used.update(region.weights)
    return used


def strengths_of(spec: JobSpec, style: StyleChoice) -> tuple[float, ...]:
    """The strengths a style is rendered in: its own, those of the spec, or that of all pictures."""
    if style.strength is not None:
        return (style.strength,)
    return spec.strengths or (spec.render.strength,)


def source_stamp(source: str) -> str:
    """What tells that a file has changed without reading it: its size and the time of its last change."""
    try:
        found = os.stat(source)  # noqa: PTH116 - once per picture: pathlib is 5x slower
    except OSError:
        return ""  # the worker will say what is wrong with it
    return f"{found.st_size}-{found.st_mtime_ns}"
