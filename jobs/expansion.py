"""From a spec to tasks: assets × styles × outputs, lazily, in a fixed order."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from giornata.jobs.asset import Asset
from giornata.jobs.errors import JobError
from giornata.jobs.inputs import OnProblem, expand_inputs, refuse
from giornata.jobs.pages import paged
from giornata.jobs.places import LOCAL
from giornata.jobs.ports import Places
from giornata.jobs.spec import JobSpec
from giornata.jobs.spec_checks import check_whole
from giornata.jobs.styling import StyleCheck, source_stamp, strengths_of
from giornata.jobs.task import RenderTask
from giornata.jobs.task_making import Master, TaskMaker

# Styled pictures that are begun before the second output of the first one is: workers then find their
# picture styled already instead of all styling the same one.
MASTERS_AT_ONCE = 8


def expand(
    spec: JobSpec,
    *,
    base: Path,
    styles: StyleCheck,
    on_problem: OnProblem = refuse,
    places: Places = LOCAL,
) -> Iterator[RenderTask]:
    """Every task of a spec in a fixed order: picture by picture, style by style, and of some
    `MASTERS_AT_ONCE` styled pictures first one output each, then the next.

    Nothing is read but folder listings and manifests, and nothing is kept. Raises `PlanRefused` when the
    styles or the destination cannot be used; a picture's own problem goes to `on_problem`, and when that
    returns, expanding goes on with the next one.
    """
    check_whole(spec, base, styles)
    return _expand(spec, base, styles, on_problem, places)


def _expand(
    spec: JobSpec, base: Path, styles: StyleCheck, on_problem: OnProblem, places: Places
) -> Iterator[RenderTask]:
    make = TaskMaker(spec, base, styles, places)
    assets = expand_inputs(spec, base=base, on_problem=on_problem, places=places)
    masters = _masters(spec, paged(assets, spec, places))
    shapes = [(shape, output) for shape in spec.formats or (None,) for output in spec.outputs]
    while some := list(islice(masters, MASTERS_AT_ONCE if len(shapes) > 1 else 1)):
        for shape, output in shapes:
            for master in some:
                try:
                    task = make(master, shape, output)
                except JobError as problem:
                    on_problem(problem)
                    continue
                if task is not None:
                    yield task


def _masters(spec: JobSpec, assets: Iterable[Asset]) -> Iterator[Master]:
    first = folder_first = folder = ""
    for index, asset in enumerate(assets, start=1):
        first = first or asset.source
        if not folder_first or asset.folder != folder:
            folder, folder_first = asset.folder, asset.source
        stamp = asset.stamp or source_stamp(asset.source)
        for style in spec.styles:
            for strength in strengths_of(spec, style):
                yield Master(asset, index, stamp, style, strength, first, folder_first)
