"""What an evaluation came to: readings gathered into rows with intervals, as it is written to disk."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from giornata.atomic_file import atomic_write
from giornata.cluster.evaluation.methods import FLOORS, PALETTE, Method
from giornata.cluster.evaluation.protocol import Measurement
from giornata.styles.evaluation.bootstrap import Interval, bootstrap_mean, bootstrap_ratio
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.preference import Preference
from giornata.styles.evaluation.yardstick import DAMAGE, HEADLINE, MEASURES

JSON_NAME = "table.json"
TO_PALETTE = "to_palette"  # the headline's style distance over that of the palette-only row


class Plain(BaseModel):
    """A frozen model without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(Plain):
    """A method on paintings of one kind: `unseen` ones, or those of the library's styles.

    `measures` hold only what was measured. `dominated_by` are methods better on both axes of the plot.
    """

    method: str
    title: str
    unseen: bool
    paintings: int
    images: int
    measures: dict[str, Interval]
    bytes: int
    seen: str
    dominated_by: tuple[str, ...] = ()


class Setup(Plain):
    """Version, settings and pictures of an evaluation, to be read beside its numbers."""

    version: str
    size_px: int
    square: bool
    threads: int
    machine: str
    photos: tuple[str, ...]
    paintings: tuple[str, ...]
    unseen_paintings: tuple[str, ...]


class Evaluation(Plain):
    """The data of the table, the plot and the sheets.

    `missing` are measures, and `left_out` methods and styles, without data, and why.
    """

    setup: Setup
    rows: tuple[Row, ...]
    readings: tuple[Measurement, ...]
    missing: dict[str, str] = {}
    left_out: tuple[str, ...] = ()
    preferences: tuple[Preference, ...] = ()
    preference_missing: str = "nobody voted: giornata evaluate --vote writes a page of blind pairs"


def rows_of(readings: Sequence[Measurement], methods: Iterable[Method]) -> tuple[Row, ...]:
    """One row a method and kind of painting, in the methods' order, the library's paintings first."""
    ordered = list(methods)
    rows = []
    for unseen in (False, True):
        kind = [reading for reading in readings if reading.unseen == unseen]
        floor = [reading for reading in kind if reading.method == PALETTE]
        group = []
        for method in ordered:
            own = [reading for reading in kind if reading.method == method.name]
            if own:
                group.append(_row(method, own, floor))
        rows += [row.model_copy(update={"dominated_by": _dominators(row, group)}) for row in group]
    return tuple(rows)


def _row(method: Method, own: Sequence[Measurement], floor: Sequence[Measurement]) -> Row:
    measures = {name: interval for name in MEASURES if (interval := _interval(own, name)) is not None}
    relative = _relative(own, floor)
    return Row(
        method=method.name,
        title=method.title,
        unseen=own[0].unseen,
        paintings=len({reading.painting for reading in own}),
        images=len(own),
        measures=measures | ({TO_PALETTE: relative} if relative else {}),
        bytes=method.bytes,
        seen=method.seen,
    )


def _interval(readings: Sequence[Measurement], name: str) -> Interval | None:
    return bootstrap_mean(_by_photo(readings, name))


def _by_photo(readings: Sequence[Measurement], name: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for reading in readings:
        value = reading.values.get(name)
        if value is not None:
            values.setdefault(reading.photo, []).append(value)
    return values


def _relative(own: Sequence[Measurement], floor: Sequence[Measurement]) -> Interval | None:
    """The style distance over the palette-only row's of the same photographs and paintings."""
    painted = {reading.painting for reading in own}
    same = [reading for reading in floor if reading.painting in painted]
    return bootstrap_ratio(_by_photo(own, HEADLINE), _by_photo(same, HEADLINE))


def _dominators(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    """Methods that were measured on the same number of images and are better on both axes."""
    axes = (HEADLINE, DAMAGE)
    if row.method in FLOORS or not all(axis in row.measures for axis in axes):
        return ()
    return tuple(
        other.method
        for other in rows
        if other.images == row.images
        and all(axis in other.measures for axis in axes)
        and all(other.measures[axis].mean < row.measures[axis].mean for axis in axes)
    )


def write_json(evaluation: Evaluation, folder: Path) -> Path:
    """Write `table.json`, all of it or nothing."""
    path = folder / JSON_NAME
    with atomic_write(path) as part:
        part.write_text(evaluation.model_dump_json(indent=1), encoding="utf-8")
    return path


def read_json(folder: Path) -> Evaluation:
    """The evaluation that was written to `folder`. Raises `BadEvaluation`."""
    path = folder / JSON_NAME
    needed = "a folder that giornata evaluate has written"
    try:
        return Evaluation.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise BadEvaluation(f"reading {path}", exc.strerror or "no such file", needed) from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadEvaluation(f"reading {path}", f"{where}: {first['msg']}", needed) from exc
