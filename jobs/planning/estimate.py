"""The checks that come before anything runs, and an estimate: every name, every collision, every header."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from giornata.jobs.errors import BadName, JobError, PlanRefused
from giornata.jobs.model.paths import is_url
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.conflicts import PrefetchedTargets, TargetIndex, existing_conflict, name_conflict
from giornata.jobs.planning.style_resolver import StyleCatalog
from giornata.jobs.planning.task_builder import MASTERS_AT_ONCE, expand
from giornata.jobs.planning.validate import SHOWN
from giornata.jobs.spec.collection import Price
from giornata.jobs.spec.crop import CropStyling, crop_box, crop_size, enlargement, master_size
from giornata.jobs.spec.enums import OnExisting
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import Publisher
from giornata.jobs.storage.local import LocalPublisher
from giornata.lru_dict import LruDict

__all__ = ["Measure", "PlanReport", "RenderTask", "Size", "StyleCatalog", "expand", "plan"]

REMEMBERED = 8 * MASTERS_AT_ONCE  # pictures: more than are begun at once
DEFAULT_TILE_PX = 512  # for the estimate only, when the spec leaves the tile to the device


@dataclass(frozen=True)
class Size:
    """Width and height of a picture in px, upright."""

    width: int
    height: int


UNMEASURED = Size(0, 0)  # of a picture that would cost too much to look at
Cost = Callable[[RenderTask, Size], float]  # seconds that styling a picture of a size takes


class Measure(Protocol):
    """Reads the size of a picture from its header; None when it cannot be read, or `UNMEASURED`.

    `page` is one of several, from 0.
    """

    def __call__(self, source: str, page: int | None = None) -> Size | None: ...


class PlanReport(BaseModel):
    """What a job would do. `masters` are the styled pictures that the outputs are cut and written from.

    `tiles` and `pixels` (of all masters), `enlarged` (outputs of more px than their crop has) and
    `estimated_s` are carried over from `measured` pictures to all of them; `unreadable` holds the first few.
    `price` is for that time, in `currency`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pictures: int
    items: int
    masters: int
    delivered: int
    enlarged: int
    measured: int
    tiles: int
    pixels: int
    estimated_s: float | None
    price: float | None
    currency: str
    unreadable: tuple[str, ...]
    unreadable_total: int


def plan(
    spec: JobSpec,
    *,
    base: Path,
    styles: StyleCatalog,
    measure: Measure,
    cost: Cost | None = None,
    price: Price | None = None,
    is_ours: Callable[[str], bool] = lambda target: False,
    measure_limit: int = 10_000,
    default_tile_px: int = DEFAULT_TILE_PX,
    files: Publisher | None = None,
) -> PlanReport:
    """Go through the whole job without rendering: names, collisions, sizes, and an estimate.

    `is_ours` says whether an existing target was delivered by us; any other file that stands where an output
    should go is a problem. Only the first `measure_limit` pictures are measured. Without a `cost` there is no
    estimate of time; `price` goes before the spec's own.
    Raises `PlanRefused` with the first problems and their number.
    """
    problems, on_existing = _Problems(), spec.policy.on_existing
    tally = _Tally(measure, measure_limit, spec.render.tile or default_tile_px, cost)
    with TargetIndex() as index:
        files = (files or LocalPublisher()).of(spec.storage)
        stores = files.stores
        tasks = expand(spec, base=base, styles=styles, on_problem=problems.add, stores=stores)
        for task in (ahead := PrefetchedTargets(tasks, files)):
            conflict = name_conflict(task, index)
            if conflict is None and _stands(task.target, ahead):
                conflict = existing_conflict(task, on_existing, is_ours=is_ours(task.target))
                tally.delivered += conflict is None and on_existing is OnExisting.SKIP
            if conflict:
                problems.add(BadName(task.source, conflict))
            tally.count(task)
    if not tally.items and not problems.total:
        problems.add(BadName(spec.name, "the inputs hold no picture"))
    problems.refuse()
    return tally.report(spec.name, price or spec.price)


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
    """Running sums over tasks that come a few pictures at a time; holds the sizes of those few."""

    def __init__(self, measure: Measure, measure_limit: int, tile_px: int, cost: Cost | None) -> None:
        self._measure, self._limit, self._tile_px, self._cost = measure, measure_limit, tile_px, cost
        self._sizes = LruDict[tuple[str, int | None], Size | None](REMEMBERED)
        self._begun = LruDict[str, None](REMEMBERED)
        self._unreadable: list[str] = []
        self.pictures = self.items = self.masters = self.delivered = self.enlarged = 0
        self.tried = self.read = self.tiles = self.pixels = self.lost = 0
        self.seconds = 0.0

    def count(self, task: RenderTask) -> None:
        size = self._size_of(task.source, task.page)
        self.items += 1
        if size and task.crop:
            box = crop_box((size.width, size.height), task.crop)
            self.enlarged += enlargement(box, crop_size(box, task.crop.need)) > 1
        if self._begins(task):
            self.masters += 1
            styled = _styled_size(size, task) if size else None
            if styled:
                self.pixels += styled.width * styled.height
                self.tiles += _tiles(styled, self._tile_px)
                self.seconds += self._cost(task, styled) if self._cost else 0

    def _begins(self, task: RenderTask) -> bool:
        """Whether this is the first output of its styled picture."""
        if task.siblings == 1:
            return True
        key = task.master_key()
        if key in self._begun:
            return False
        self._begun[key] = None
        return True

    def _size_of(self, source: str, page: int | None) -> Size | None:
        if (source, page) not in self._sizes:
            self._sizes[source, page] = self._next_picture(source, page)
        return self._sizes[source, page]

    def _next_picture(self, source: str, page: int | None) -> Size | None:
        self.pictures += 1
        if self.tried == self._limit:
            return None
        size = self._measure(source, page)
        if size == UNMEASURED:
            return None
        self.tried += 1
        self.read += size is not None
        if size is None:
            self.lost += 1
            if len(self._unreadable) < SHOWN:
                self._unreadable.append(source)
        return size

    def report(self, name: str, price: Price | None) -> PlanReport:
        # Pictures beyond the limit are taken to be like the measured ones, unreadable ones included.
        share = self.pictures / self.tried if self.tried else 0
        estimated_s = self.seconds * share if self._cost else None
        return PlanReport(
            name=name,
            pictures=self.pictures,
            items=self.items,
            masters=self.masters,
            delivered=self.delivered,
            enlarged=round(self.enlarged * share),
            measured=self.read,
            tiles=round(self.tiles * share),
            pixels=round(self.pixels * share),
            estimated_s=estimated_s,
            price=estimated_s / 3600 * price.per_hour if price and estimated_s is not None else None,
            currency=price.currency if price else "",
            unreadable=tuple(self._unreadable),
            unreadable_total=self.lost,
        )


def _styled_size(size: Size, task: RenderTask) -> Size:
    """The size that is styled for a task of a picture of this size."""
    if task.crop is None:
        return size
    if task.crop.styling is CropStyling.EACH:
        box = crop_box((size.width, size.height), task.crop)
        width, height = crop_size(box, task.crop.need)
        return Size(min(box.width, width), min(box.height, height))
    return Size(*master_size((size.width, size.height), task.crop.all_needs))


def _tiles(size: Size, tile_px: int) -> int:
    return math.ceil(size.width / tile_px) * math.ceil(size.height / tile_px)


def _stands(target: str, ahead: PrefetchedTargets) -> bool:
    """Whether anything has that name; on a disk it may be a folder or a link as well."""
    return ahead.stat(target) is not None if is_url(target) else os.path.lexists(target)
