"""The checks that come before anything runs, and an estimate: every name, every collision, every header."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from giornata.jobs.choices import OnExisting
from giornata.jobs.collisions import TargetIndex
from giornata.jobs.errors import BadName, JobError, PlanRefused
from giornata.jobs.expansion import SHOWN, StyleCheck, expand
from giornata.jobs.spec import JobSpec
from giornata.jobs.task import RenderTask

__all__ = ["Measure", "PlanReport", "RenderTask", "Size", "StyleCheck", "expand", "plan"]

DEFAULT_TILE_PX = 512  # for the estimate only, when the spec leaves the tile to the device


@dataclass(frozen=True)
class Size:
    """Width and height of a picture in px, upright."""

    width: int
    height: int


class Measure(Protocol):
    """Reads the size of a picture from its header; nothing when it cannot be read."""

    def __call__(self, source: str) -> Size | None: ...


class PlanReport(BaseModel):
    """What a job would do. `tiles` and `pixels` (of all outputs at the source's size) and `estimated_s` are
    carried over from `measured` pictures to all of them; `unreadable` holds the first few."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pictures: int
    items: int
    delivered: int
    measured: int
    tiles: int
    pixels: int
    estimated_s: float | None
    unreadable: tuple[str, ...]
    unreadable_total: int


def plan(
    spec: JobSpec,
    *,
    base: Path,
    styles: StyleCheck,
    measure: Measure,
    megapixels_per_s: float | None = None,
    ours: Callable[[str], bool] = lambda target: False,
    measure_limit: int = 10_000,
    default_tile_px: int = DEFAULT_TILE_PX,
) -> PlanReport:
    """Go through the whole job without rendering: names, collisions, sizes, and an estimate.

    `ours` says whether an existing target was delivered by us; any other file that stands where an output
    should go is a problem. Only the first `measure_limit` pictures are measured.
    Raises `PlanRefused` with the first problems and their number.
    """
    problems = _Problems()
    tally = _Tally(measure, measure_limit, spec.render.tile or default_tile_px)
    with TargetIndex() as index:
        for task in expand(spec, base=base, styles=styles, on_problem=problems.add):
            clash = _clash(task, index, new_source=tally.source != task.source)
            if clash is None and _on_disk(task.target):
                clash = _existing(task, spec.policy.on_existing, ours=ours(task.target), tally=tally)
            if clash:
                problems.add(BadName(task.source, clash))
            tally.count(task)
    if not tally.items and not problems.total:
        problems.add(BadName(spec.name, "the inputs hold no picture"))
    problems.refuse()
    return tally.report(spec.name, megapixels_per_s)


class _Problems:
    def __init__(self) -> None:
        self._first: list[str] = []
        self.total = 0

    def add(self, problem: JobError) -> None:
        self.total += 1
        if len(self._first) < SHOWN:
            self._first.append(str(problem))

    def refuse(self) -> None:
        if self.total:
            raise PlanRefused(tuple(self._first), self.total)


class _Tally:
    """Running sums over tasks that come picture by picture; holds one picture's size at a time."""

    def __init__(self, measure: Measure, measure_limit: int, tile_px: int) -> None:
        self._measure, self._limit, self._tile_px = measure, measure_limit, tile_px
        self.source = ""
        self._size: Size | None = None
        self._unreadable: list[str] = []
        self.pictures = self.items = self.delivered = 0
        self.tried = self.read = self.read_items = self.tiles = self.pixels = self.lost = 0

    def count(self, task: RenderTask) -> None:
        if task.source != self.source:
            self._next_picture(task.source)
        self.items += 1
        if self._size:
            self.read_items += 1
            self.pixels += self._size.width * self._size.height
            self.tiles += _tiles(self._size, self._tile_px)

    def _next_picture(self, source: str) -> None:
        self.source, self._size = source, None
        self.pictures += 1
        if self.tried == self._limit:
            return
        self.tried += 1
        self._size = self._measure(source)
        self.read += self._size is not None
        if self._size is None:
            self.lost += 1
            if len(self._unreadable) < SHOWN:
                self._unreadable.append(source)

    def report(self, name: str, megapixels_per_s: float | None) -> PlanReport:
        # Pictures beyond the limit are taken to be like the measured ones, unreadable ones included.
        share = self.pictures / self.tried if self.tried else 0
        pixels = round(self.pixels * share)
        return PlanReport(
            name=name,
            pictures=self.pictures,
            items=self.items,
            delivered=self.delivered,
            measured=self.read,
            tiles=round(self.tiles * share),
            pixels=pixels,
            estimated_s=pixels / 1e6 / megapixels_per_s if megapixels_per_s else None,
            unreadable=tuple(self._unreadable),
            unreadable_total=self.lost,
        )


def _tiles(size: Size, tile_px: int) -> int:
    return math.ceil(size.width / tile_px) * math.ceil(size.height / tile_px)


def _clash(task: RenderTask, index: TargetIndex, *, new_source: bool) -> str | None:
    taker = index.add_source(task.source) if new_source else None
    if taker:
        return f"the output of {taker} would overwrite it"
    earlier = index.add_target(task.target, by=f"{task.source} in style {task.style_label}")
    if not earlier:
        return None
    return f"{task.target} in style {task.style_label} falls on {earlier}; change the template or a label"


def _existing(task: RenderTask, on_existing: OnExisting, *, ours: bool, tally: _Tally) -> str | None:
    if not ours:
        return f"{task.target} exists and was not made here; move it or choose another destination"
    if on_existing is OnExisting.FAIL:
        return f"{task.target} exists and on_existing is {OnExisting.FAIL}"
    tally.delivered += on_existing is OnExisting.SKIP
    return None


def _on_disk(target: str) -> bool:
    return os.path.lexists(target)
