"""From a spec to tasks: assets × styles × outputs, lazily, in a fixed order."""

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from giornata.jobs.choices import AVAILABLE_ENGINES, listed, resolve_format
from giornata.jobs.errors import BadName, JobError, PlanRefused
from giornata.jobs.inputs import Asset, OnProblem, absolute, expand_inputs, is_url, refuse
from giornata.jobs.naming import COLUMN, Destination, NameField, item_id_of, parse_template
from giornata.jobs.spec import JobSpec, OutputOptions, StyleChoice
from giornata.jobs.task import RenderTask, TaskMasks, TaskRegion

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
        for name in _all_weights(style):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                known_words = f"known styles: {listed(sorted(known)) or 'none'}"
                yield f"planning styles[{position}]: unknown style {name!r}; {hint}{known_words}"


def _all_weights(style: StyleChoice) -> dict[str, float]:
    """The styles a choice uses anywhere."""
    used = dict(style.weights)
    for region in style.regions:
        used.update(region.weights)
    return used


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
        self._spec, self._base = spec, base
        self._same: dict[str, Any] = {
            "preserve_colour": spec.render.preserve_colour,
            "brush": spec.render.brush,
            "pages": spec.render.pages,
            "float_range": spec.render.float_range,
            "metadata": spec.metadata.keep,
            "sidecar": spec.metadata.sidecar,
            "source_type": spec.metadata.source_type,
            "limits": spec.limits.given,
        }
        self._versions = {style.resolved_label: styles.version(_all_weights(style)) for style in spec.styles}
        self._template = spec.name_template
        self._destination = Destination(absolute(spec.destination, base=base))
        reference = spec.render.reference
        self._reference = str(absolute(reference, base=base)) if reference else None

    def __call__(
        self, asset: Asset, style: StyleChoice, output: OutputOptions, *, index: int, stamp: str
    ) -> RenderTask:
        render = self._spec.render
        strength = render.strength if style.strength is None else style.strength
        values = self._values(asset, style, output, index, strength)
        target = self._target(asset, values)
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
            masks=self._masks(values),
            regions=self._regions(style, values, strength),
            profile=output.profile,
            depth=output.depth,
            compression=output.compression,
            pyramid=output.pyramid,
            container=output.container,
            **self._same,
            timeout_s=self._spec.policy.timeout_s,
            source_stamp=stamp,
            engine_version=self._versions[style.resolved_label],
        )

    def _values(
        self, asset: Asset, style: StyleChoice, output: OutputOptions, index: int, strength: float
    ) -> dict[str, str | int]:
        kind, ext = resolve_format(output.format, asset.source, output.container)
        width, height = output.size if isinstance(output.size, tuple) else (0, 0)
        return {
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

    def _target(self, asset: Asset, values: Mapping[str, str | int]) -> str:
        wanted = self._template.columns
        missing = wanted and sorted(wanted - {key.removeprefix(COLUMN) for key in asset.columns})
        if missing:
            raise BadName(asset.source, f"the template needs the column {missing[0]!r}, its row has none")
        return self._destination.resolve(self._template.fill(values))

    def _masks(self, values: Mapping[str, str | int]) -> TaskMasks:
        masks = self._spec.masks
        return TaskMasks(
            protect=self._mask(masks.protect, values, optional=masks.optional),
            apply=self._mask(masks.apply, values, optional=masks.optional),
            feather_px=masks.feather,
        )

    def _regions(
        self, style: StyleChoice, values: Mapping[str, str | int], strength: float
    ) -> tuple[TaskRegion, ...]:
        found = []
        for region in style.regions:
            mask = self._mask(region.mask, values, optional=self._spec.masks.optional)
            own = strength if region.strength is None else region.strength
            if mask is not None:
                found.append(TaskRegion(mask=mask, mix=region.weights, strength=own))
        return tuple(found)

    def _mask(self, template: str | None, values: Mapping[str, str | int], *, optional: bool) -> str | None:
        """The absolute path of a mask. Raises `BadName` when it is not there and not optional."""
        if template is None:
            return None
        try:
            path = absolute(parse_template(template, file=False).path(values), base=self._base)
        except KeyError as error:
            raise BadName(str(values[NameField.NAME]), f"the mask needs {error.args[0]!r}") from error
        if path.is_file():
            return str(path)
        if optional:
            return None
        raise BadName(str(values[NameField.NAME]), f"its mask is not there: {path}")


def source_stamp(source: str) -> str:
    """What tells that a file has changed without reading it: its size and the time of its last change."""
    try:
        found = os.stat(source)  # noqa: PTH116 - once per picture: pathlib is 5x slower
    except OSError:
        return ""  # the worker will say what is wrong with it
    return f"{found.st_size}-{found.st_mtime_ns}"
