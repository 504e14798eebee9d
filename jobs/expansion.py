"""From a spec to tasks: assets × styles × outputs, lazily, in a fixed order."""

import difflib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from giornata.jobs.campaign import FormatChoice
from giornata.jobs.choices import AVAILABLE_ENGINES, Container, Pages, ReferenceWord, listed, resolve_format
from giornata.jobs.cropping import TaskCrop
from giornata.jobs.errors import BadName, JobError, PlanRefused
from giornata.jobs.inputs import Asset, OnProblem, absolute, expand_inputs, is_url, located, refuse
from giornata.jobs.naming import COLUMN, Destination, NameField, NameTemplate, item_id_of, parse_template
from giornata.jobs.optimise import OptimiseChoice, StyleImage, TaskOptimise
from giornata.jobs.pages import paged
from giornata.jobs.places import LOCAL, wrong_url
from giornata.jobs.ports import Places
from giornata.jobs.signing import signing_problems
from giornata.jobs.spec import JobSpec, OutputOptions, StyleChoice
from giornata.jobs.task import RenderTask, TaskChecks, TaskMasks, TaskRegion

SHOWN = 20  # problems that are told one by one; the rest is a count
# Styled pictures that are begun before the second output of the first one is: workers then find their
# picture styled already instead of all styling the same one.
MASTERS_AT_ONCE = 8


class StyleCheck(Protocol):
    """Knows which styles there are, and tells one version of a style from the next."""

    def names(self) -> Collection[str]: ...

    def version(self, mix: Mapping[str, float], *, encoder: str = "") -> str:
        """Changes when the engine or the weights of one of these styles do, or those of an `encoder`."""


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


def check_whole(spec: JobSpec, base: Path, styles: StyleCheck) -> None:
    """Say once what is wrong with every picture alike. Raises `PlanRefused`."""
    problems = [
        *_style_problems(spec, styles.names(), base),
        *_place_problems(spec, base),
        *signing_problems(spec),
    ]
    if problems:
        raise PlanRefused(tuple(problems[:SHOWN]), len(problems))


def _style_problems(spec: JobSpec, known: Collection[str], base: Path) -> Iterator[str]:
    for position, style in enumerate(spec.styles):
        engine = style.resolved_engine
        if engine not in AVAILABLE_ENGINES:
            available = listed(sorted(AVAILABLE_ENGINES))
            yield f"planning styles[{position}]: engine {engine} is not yet available in this version, " + (
                f"available: {available}"
            )
            continue
        for problem in _picture_problems(style, base):
            yield f"planning styles[{position}]: {problem}"
        for name in _all_weights(style):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                known_words = f"known styles: {listed(sorted(known)) or 'none'}"
                yield f"planning styles[{position}]: unknown style {name!r}; {hint}{known_words}"


def _picture_problems(style: StyleChoice, base: Path) -> Iterator[str]:
    """What is wrong with the pictures of an optimisation."""
    found = _optimisation(style, base)
    if found is None:
        return
    paths = [one for image in found.images for one in (image.path, image.mask)]
    for path in (*paths, found.previous):
        if path and is_url(path):
            yield f"style picture {path}: not yet available in this version, needed a local file"
        elif path and not Path(path).is_file():
            yield f"style picture {path}: no such file"


def _optimisation(style: StyleChoice, base: Path) -> TaskOptimise | None:
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
    read = [one for image in images for one in (image.path, image.mask)]
    return TaskOptimise(
        images=images,
        previous=previous,
        encoder=place(choice.encoder)
        if choice.encoder and "/" in choice.encoder
        else choice.encoder or "auto",
        steps=style.steps,
        choice=choice.model_copy(update={"images": (), "encoder": None, "previous": None}),
        stamps=tuple(source_stamp(path) for path in (*read, previous) if path and not is_url(path)),
    )


def _encoder(style: StyleChoice, base: Path) -> str:
    """The encoder an optimisation looks with; empty for a style by name."""
    told = _optimisation(style, base)
    return told.encoder if told else ""


def _all_weights(style: StyleChoice) -> dict[str, float]:
    """The styles a choice uses anywhere."""
    used = dict(style.weights)
    for region in style.regions:
        used.update(region.weights)
    return used


def _place_problems(spec: JobSpec, base: Path) -> Iterator[str]:
    if is_url(spec.destination):
        if words := wrong_url(spec.destination):
            yield f"planning destination {spec.destination}: {words}"
    elif absolute(spec.destination, base=base).is_file():
        yield f"planning destination {spec.destination}: got a file, needed a folder"
    reference = spec.render.reference
    named = reference and reference not in set(ReferenceWord)
    if named and is_url(str(reference)):
        if words := wrong_url(str(reference)):
            yield f"planning render.reference: {words}"
    elif named and not absolute(str(reference), base=base).is_file():
        yield f"planning render.reference: no file at {absolute(str(reference), base=base)}"


def _expand(
    spec: JobSpec, base: Path, styles: StyleCheck, on_problem: OnProblem, places: Places
) -> Iterator[RenderTask]:
    make = _TaskMaker(spec, base, styles, places)
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


@dataclass(frozen=True)
class _Master:
    """A picture, a style and a strength: what all shapes and outputs of it have in common."""

    asset: Asset
    index: int
    stamp: str
    style: StyleChoice
    strength: float
    first: str  # picture of the job
    first_of_folder: str


def _masters(spec: JobSpec, assets: Iterable[Asset]) -> Iterator[_Master]:
    first = folder_first = folder = ""
    for index, asset in enumerate(assets, start=1):
        first = first or asset.source
        if not folder_first or asset.folder != folder:
            folder, folder_first = asset.folder, asset.source
        stamp = asset.stamp or source_stamp(asset.source)
        for style in spec.styles:
            for strength in strengths_of(spec, style):
                yield _Master(asset, index, stamp, style, strength, first, folder_first)


def strengths_of(spec: JobSpec, style: StyleChoice) -> tuple[float, ...]:
    """The strengths a style is rendered in: its own, those of the spec, or that of all pictures."""
    if style.strength is not None:
        return (style.strength,)
    return spec.strengths or (spec.render.strength,)


class _TaskMaker:
    """Makes one task from one asset, style and output; keeps what is the same for all of them."""

    def __init__(self, spec: JobSpec, base: Path, styles: StyleCheck, places: Places) -> None:
        self._spec, self._base, self._places = spec, base, places
        self._same: dict[str, Any] = {
            "preserve_colour": spec.render.preserve_colour,
            "brush": spec.render.brush,
            "pages": spec.render.pages,
            "float_range": spec.render.float_range,
            "metadata": spec.metadata.keep,
            "sidecar": spec.metadata.sidecar,
            "credentials": spec.metadata.credentials,
            "source_type": spec.metadata.source_type,
            "limits": spec.limits.given,
            "storage": spec.storage,
            "palette": spec.palette.for_task if spec.palette else None,
            "min_ssim": spec.fidelity.ssim,
            "checks": TaskChecks(**spec.quality.model_dump()) if spec.quality.asked else None,
            "siblings": max(1, len(spec.formats)) * len(spec.outputs),
        }
        self._needs = tuple(
            dict.fromkeys(shape.need(output.size) for shape in spec.formats for output in spec.outputs)
        )
        self._optimise = {style.resolved_label: _optimisation(style, base) for style in spec.styles}
        self._versions = {
            style.resolved_label: styles.version(_all_weights(style), encoder=_encoder(style, base))
            for style in spec.styles
        }
        self._templates = {output: spec.template_of(output) for output in spec.outputs}
        self._destination = Destination(located(spec.destination, base=base))

    def __call__(
        self, master: _Master, shape: FormatChoice | None, output: OutputOptions
    ) -> RenderTask | None:
        """The task, or nothing when the spec excludes it. Raises `BadName`."""
        render, asset, style, strength = self._spec.render, master.asset, master.style, master.strength
        values = self._values(master, shape, output)
        if any(exclude.matches(values) for exclude in self._spec.excludes):
            return None
        target = self._target(asset, self._templates[output], values)
        masks, regions = self._masks(values), self._regions(style, values, strength)
        return RenderTask(
            item_id=item_id_of(target),
            source=asset.source,
            target=target,
            style_label=style.resolved_label,
            engine=style.resolved_engine,
            mix=style.weights,
            optimise=self._optimise[style.resolved_label],
            strength=strength,
            blend=render.blend,
            tile_px=render.tile,
            overlap_px=render.overlap,
            statistics=render.statistics,
            reference=self._reference(master),
            page=asset.page,
            reference_page=self._reference_page(master),
            seed=render.seed,
            precision=render.precision,
            device=render.device,
            format=resolve_format(output.format, asset.source)[0],
            quality=output.quality,
            size=output.size,
            masks=masks,
            regions=regions,
            profile=output.profile,
            depth=output.depth,
            compression=output.compression,
            pyramid=output.pyramid,
            container=output.container,
            max_bytes=output.max_bytes,
            bigtiff=output.bigtiff,
            iiif_id=self._iiif_id(output, target),
            crop=self._crop(asset, shape, output) if shape else None,
            **self._same,
            timeout_s=self._spec.policy.timeout_s,
            source_stamp="+".join((master.stamp, *_mask_stamps(masks, regions))),
            source_version=asset.version,
            engine_version=self._versions[style.resolved_label],
        )

    def _reference(self, master: _Master) -> str | None:
        """The picture whose totals are used, when another's are."""
        match self._spec.render.reference:
            case None:
                return None
            case ReferenceWord.FIRST:
                return master.first
            case ReferenceWord.FIRST_OF_FOLDER:
                return master.first_of_folder
            case ReferenceWord.ASSET:
                return master.asset.source
            case path:
                return located(path, base=self._base)

    def _reference_page(self, master: _Master) -> int | None:
        """The page of it that is meant: a picture's own, or the first one."""
        if self._spec.render.reference is None or self._spec.render.pages is not Pages.ALL:
            return None
        return master.asset.page if self._spec.render.reference == ReferenceWord.ASSET else 0

    def _crop(self, asset: Asset, shape: FormatChoice, output: OutputOptions) -> TaskCrop:
        rules = self._spec.crop
        focal, safe = rules.place(asset.source, asset.columns)
        return TaskCrop(
            label=shape.resolved_label,
            need=shape.need(output.size),
            focal=focal,
            safe=safe,
            styling=rules.styling,
            all_needs=self._needs,
        )

    def _values(
        self, master: _Master, shape: FormatChoice | None, output: OutputOptions
    ) -> dict[str, str | int]:
        asset, style = master.asset, master.style
        kind, ext = resolve_format(output.format, asset.source, output.container)
        size = (shape.size if shape else None) or output.size
        width, height = size if isinstance(size, tuple) else (0, 0)
        return {
            NameField.STEM: asset.stem,
            NameField.NAME: asset.name,
            NameField.FOLDER: asset.folder,
            NameField.STYLE: style.resolved_label,
            NameField.STRENGTH: f"{master.strength:g}",
            NameField.RATIO: shape.resolved_label if shape else "",
            NameField.FORMAT: kind,
            NameField.EXT: ext,
            NameField.SUFFIX: output.suffix,
            NameField.WIDTH: width,
            NameField.HEIGHT: height,
            NameField.INDEX: master.index,
            NameField.JOB: self._spec.name,
            **asset.columns,
        }

    def _target(self, asset: Asset, template: NameTemplate, values: Mapping[str, str | int]) -> str:
        wanted = template.columns
        missing = wanted and sorted(wanted - {key.removeprefix(COLUMN) for key in asset.columns})
        if missing:
            raise BadName(asset.source, f"the template needs the column {missing[0]!r}, its row has none")
        return self._destination.resolve(template.fill(values))

    def _iiif_id(self, output: OutputOptions, target: str) -> str | None:
        """Where a folder of tiles will be found, when it is said what serves the destination."""
        if output.iiif_base is None:
            return None
        name = self._destination.relative(target)
        folder = name.removesuffix(".zip") if output.container is Container.ZIP else name
        return f"{output.iiif_base.rstrip('/')}/{quote(folder)}"

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
            path = located(parse_template(template, file=False).path(values), base=self._base)
        except KeyError as error:
            raise BadName(str(values[NameField.NAME]), f"the mask needs {error.args[0]!r}") from error
        there = self._places.at(path, self._spec.storage).head(path) if is_url(path) else Path(path).is_file()
        if there:
            return path
        if optional:
            return None
        raise BadName(str(values[NameField.NAME]), f"its mask is not there: {path}")


def _mask_stamps(masks: TaskMasks, regions: Sequence[TaskRegion]) -> Iterator[str]:
    """A picture is made from its masks as well: one that changed makes it outdated."""
    for path in (masks.protect, masks.apply, *(region.mask for region in regions)):
        if path and not is_url(path):
            yield source_stamp(path)


def source_stamp(source: str) -> str:
    """What tells that a file has changed without reading it: its size and the time of its last change."""
    try:
        found = os.stat(source)  # noqa: PTH116 - once per picture: pathlib is 5x slower
    except OSError:
        return ""  # the worker will say what is wrong with it
    return f"{found.st_size}-{found.st_mtime_ns}"
