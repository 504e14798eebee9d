"""From a spec to tasks: assets × styles × outputs, lazily, in a fixed order."""

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from giornata.jobs.choices import AVAILABLE_ENGINES, listed, resolve_format
from giornata.jobs.errors import BadName, JobError, PlanRefused
from giornata.jobs.inputs import Asset, OnProblem, absolute, expand_inputs, is_url, refuse
from giornata.jobs.naming import COLUMN, Destination, NameField, item_id_of
from giornata.jobs.spec import JobSpec, OutputOptions, StyleChoice
from giornata.jobs.task import RenderTask

SHOWN = 20  # problems that are told one by one; the rest is a count


class StyleCheck(Protocol):
    """Knows which styles there are, and tells one version of a style from the next."""

    def names(self) -> Collection[str]: ...

    def version(self, mix: Mapping[str, float]) -> str:
        """Changes when the engine or the weights of one of these styles do."""


def expand(
    spec: JobSpec, *, base: Path, styles: StyleCheck, on_problem: OnProblem = refuse
) -> Iterator[RenderTask]:
    """Every task of a spec in a fixed order: picture by picture, style by style, output by output.

    Nothing is read but folder listings and manifests, and nothing is kept. Raises `PlanRefused` when the
    styles or the destination cannot be used; a picture's own problem goes to `on_problem`, and when that
    returns, expanding goes on with the next one.
    """
    check_whole(spec, base, styles)
    return _expand(spec, base, styles, on_problem)


def check_whole(spec: JobSpec, base: Path, styles: StyleCheck) -> None:
    """Say once what is wrong with every picture alike. Raises `PlanRefused`."""
    problems = [*_style_problems(spec, styles.names()), *_place_problems(spec, base)]
    if problems:
        raise PlanRefused(tuple(problems[:SHOWN]), len(problems))


def _style_problems(spec: JobSpec, known: Collection[str]) -> Iterator[str]:
    for position, style in enumerate(spec.styles):
        engine = style.resolved_engine
        if engine not in AVAILABLE_ENGINES:
            available = listed(sorted(AVAILABLE_ENGINES))
            yield f"planning styles[{position}]: engine {engine} is not yet available in this version, " + (
                f"available: {available}"
            )
            continue
        for name in style.weights:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                known_words = f"known styles: {listed(sorted(known)) or 'none'}"
                yield f"planning styles[{position}]: unknown style {name!r}; {hint}{known_words}"


def _place_problems(spec: JobSpec, base: Path) -> Iterator[str]:
    if is_url(spec.destination):
        reason = "not yet available in this version, needed a local folder"
        yield f"planning destination {spec.destination}: {reason}"
    elif absolute(spec.destination, base=base).is_file():
        yield f"planning destination {spec.destination}: got a file, needed a folder"
    if spec.render.reference and not absolute(spec.render.reference, base=base).is_file():
        yield f"planning render.reference: no file at {absolute(spec.render.reference, base=base)}"


def _expand(spec: JobSpec, base: Path, styles: StyleCheck, on_problem: OnProblem) -> Iterator[RenderTask]:
    make = _TaskMaker(spec, base, styles)
    for index, asset in enumerate(expand_inputs(spec, base=base, on_problem=on_problem), start=1):
        stamp = source_stamp(asset.source)
        for style in spec.styles:
            for output in spec.outputs:
                try:
                    yield make(asset, style, output, index=index, stamp=stamp)
                except JobError as problem:
                    on_problem(problem)


class _TaskMaker:
    """Makes one task from one asset, style and output; keeps what is the same for all of them."""

    def __init__(self, spec: JobSpec, base: Path, styles: StyleCheck) -> None:
        self._spec = spec
        self._versions = {style.resolved_label: styles.version(style.weights) for style in spec.styles}
        self._template = spec.name_template
        self._destination = Destination(absolute(spec.destination, base=base))
        reference = spec.render.reference
        self._reference = str(absolute(reference, base=base)) if reference else None

    def __call__(
        self, asset: Asset, style: StyleChoice, output: OutputOptions, *, index: int, stamp: str
    ) -> RenderTask:
        render = self._spec.render
        strength = render.strength if style.strength is None else style.strength
        target = self._target(asset, style, output, index, strength)
        return RenderTask(
            item_id=item_id_of(target),
            source=asset.source,
            target=target,
            style_label=style.resolved_label,
            engine=style.resolved_engine,
            mix=style.weights,
            strength=strength,
            blend=render.blend,
            tile_px=render.tile,
            overlap_px=render.overlap,
            statistics=render.statistics,
            reference=self._reference,
            seed=render.seed,
            precision=render.precision,
            device=render.device,
            format=resolve_format(output.format, asset.source)[0],
            quality=output.quality,
            size=output.size,
            timeout_s=self._spec.policy.timeout_s,
            source_stamp=stamp,
            engine_version=self._versions[style.resolved_label],
        )

    def _target(
        self, asset: Asset, style: StyleChoice, output: OutputOptions, index: int, strength: float
    ) -> str:
        kind, ext = resolve_format(output.format, asset.source)
        width, height = output.size if isinstance(output.size, tuple) else (0, 0)
        values: dict[str, str | int] = {
            NameField.STEM: asset.stem,
            NameField.NAME: asset.name,
            NameField.FOLDER: asset.folder,
            NameField.STYLE: style.resolved_label,
            NameField.STRENGTH: f"{strength:g}",
            NameField.FORMAT: kind,
            NameField.EXT: ext,
            NameField.SUFFIX: output.suffix,
            NameField.WIDTH: width,
            NameField.HEIGHT: height,
            NameField.INDEX: index,
            NameField.JOB: self._spec.name,
            **asset.columns,
        }
        wanted = self._template.columns
        missing = wanted and sorted(wanted - {key.removeprefix(COLUMN) for key in asset.columns})
        if missing:
            raise BadName(asset.source, f"the template needs the column {missing[0]!r}, its row has none")
        return self._destination.resolve(self._template.fill(values))


def source_stamp(source: str) -> str:
    """What tells that a file has changed without reading it: its size and the time of its last change."""
    try:
        found = os.stat(source)  # noqa: PTH116 - once per picture: pathlib is 5x slower
    except OSError:
        return ""  # the worker will say what is wrong with it
    return f"{found.st_size}-{found.st_mtime_ns}"
