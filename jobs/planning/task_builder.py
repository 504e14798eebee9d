"""From a spec to tasks: assets × styles × outputs, lazily, in a fixed order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from giornata.jobs.errors import BadName, JobError
from giornata.jobs.model.paths import is_url, item_id_of, located
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.assets import Asset
from giornata.jobs.planning.inputs import OnProblem, expand_inputs, refuse
from giornata.jobs.planning.pages import paged
from giornata.jobs.planning.style_resolver import (
    Pictures,
    StyleCatalog,
    all_weights,
    optimisation_of,
    pinned,
    source_stamp,
    strengths_of,
    universal_of,
)
from giornata.jobs.planning.validate import check_whole
from giornata.jobs.spec.campaign import FormatSpec
from giornata.jobs.spec.crop import TaskCrop
from giornata.jobs.spec.enums import Container, EngineKind, Pages, ReferenceWord, resolve_format
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.naming import COLUMN, Destination, NameField, NameTemplate, parse_template
from giornata.jobs.spec.output import OutputSpec
from giornata.jobs.spec.style import StyleSpec
from giornata.jobs.spec.values import TaskChecks, TaskMasks, TaskRegion
from giornata.jobs.storage.base import StoreFinder
from giornata.jobs.storage.local import LOCAL

STAMPS_KEPT = 256


@dataclass(frozen=True)
class StyledAsset:
    """A picture, a style and a strength: what all shapes and outputs of it have in common."""

    asset: Asset
    index: int
    stamp: str
    style: StyleSpec
    strength: float
    first: str  # picture of the job
    first_of_folder: str


class TaskMaker:
    """Makes one task from one asset, style and output; keeps the fields that all of them share."""

    def __init__(self, spec: JobSpec, base: Path, styles: StyleCatalog, stores: StoreFinder) -> None:
        self._spec, self._base, self._stores = spec, base, stores
        # Many pictures, styles and outputs have one mask: it is looked at once.
        self._stamp = lru_cache(maxsize=STAMPS_KEPT)(self._stamp_now)
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
        self._styled = {style.resolved_label: self._style_fields(style, styles) for style in spec.styles}
        self._templates = {output: spec.template_of(output) for output in spec.outputs}
        self._destination = Destination(located(spec.destination, base=base))

    def __call__(
        self, master: StyledAsset, shape: FormatSpec | None, output: OutputSpec
    ) -> RenderTask | None:
        """The task, or None when the spec excludes it. Raises `BadName`."""
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
            mix=style.weights,
            **self._styled[style.resolved_label],
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
            source_stamp=master.stamp,
            mask_stamps=tuple(map(self._stamp, (*masks.names, *(region.mask for region in regions)))),
            source_version=asset.version,
        )

    def _style_fields(self, style: StyleSpec, styles: StyleCatalog) -> dict[str, Any]:
        """The fields that a style gives every task: its engine, that engine's version, and its pictures."""
        optimise = self._pinned(optimisation_of(style, self._base))
        universal = self._pinned(universal_of(style, self._base))
        engine = style.resolved_engine
        if not style.pictures:
            engine = next(iter(styles.engines(style.weights)), engine)
        version = styles.version(
            all_weights(style),
            encoder=optimise.encoder if optimise else "",
            is_universal=engine is EngineKind.UNIVERSAL,
        )
        task_styles = {"optimise": optimise, "universal": universal}
        return {"engine": engine, "engine_version": version, **task_styles}

    def _pinned(self, task_style: Pictures | None) -> Pictures | None:
        return pinned(task_style, self._stores, self._spec.storage) if task_style else None

    def _reference(self, master: StyledAsset) -> str | None:
        """The picture whose totals are used instead of the task's own, if any."""
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

    def _reference_page(self, master: StyledAsset) -> int | None:
        """The page of the reference: a picture's own, or the first one."""
        if self._spec.render.reference is None or self._spec.render.pages is not Pages.ALL:
            return None
        return master.asset.page if self._spec.render.reference == ReferenceWord.ASSET else 0

    def _crop(self, asset: Asset, shape: FormatSpec, output: OutputSpec) -> TaskCrop:
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
        self, master: StyledAsset, shape: FormatSpec | None, output: OutputSpec
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
        columns = template.columns
        missing = columns and sorted(columns - {key.removeprefix(COLUMN) for key in asset.columns})
        if missing:
            raise BadName(asset.source, f"the template needs the column {missing[0]!r}, its row has none")
        return self._destination.resolve(template.fill(values))

    def _iiif_id(self, output: OutputSpec, target: str) -> str | None:
        """The address of a folder of tiles, when the spec names the server of its destination."""
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
        self, style: StyleSpec, values: Mapping[str, str | int], strength: float
    ) -> tuple[TaskRegion, ...]:
        regions = []
        for region in style.regions:
            mask = self._mask(region.mask, values, optional=self._spec.masks.optional)
            own = strength if region.strength is None else region.strength
            if mask is not None:
                regions.append(TaskRegion(mask=mask, mix=region.weights, strength=own))
        return tuple(regions)

    def _mask(self, template: str | None, values: Mapping[str, str | int], *, optional: bool) -> str | None:
        """The absolute path of a mask. Raises `BadName` when it is not there and not optional."""
        if template is None:
            return None
        try:
            path = located(parse_template(template, file=False).path(values), base=self._base)
        except KeyError as error:
            raise BadName(str(values[NameField.NAME]), f"the mask needs {error.args[0]!r}") from error
        if self._stamp(path):
            return path
        if optional:
            return None
        raise BadName(str(values[NameField.NAME]), f"its mask is not there: {path}")

    def _stamp_now(self, name: str) -> str:
        """The version of a file or object that is there; empty when there is none."""
        if not is_url(name):
            return source_stamp(name) if Path(name).is_file() else ""
        head = self._stores.at(name, self._spec.storage).stat(name)
        return head.fingerprint if head else ""


# Styled pictures that are begun before the second output of the first one is: workers then find their
# picture styled already instead of all styling the same one.
MASTERS_AT_ONCE = 8


def expand(
    spec: JobSpec,
    *,
    base: Path,
    styles: StyleCatalog,
    on_problem: OnProblem = refuse,
    stores: StoreFinder = LOCAL,
) -> Iterator[RenderTask]:
    """Every task of a spec in a fixed order: picture by picture, style by style, and of some
    `MASTERS_AT_ONCE` styled pictures first one output each, then the next.

    Nothing is read but folder listings and manifests, and nothing is kept. Raises `PlanRefused` when the
    styles or the destination cannot be used; a picture's own problem goes to `on_problem`, and when that
    returns, expanding goes on with the next one.
    """
    check_whole(spec, base, styles)
    return _expand(spec, base, styles, on_problem, stores)


def _expand(
    spec: JobSpec, base: Path, styles: StyleCatalog, on_problem: OnProblem, stores: StoreFinder
) -> Iterator[RenderTask]:
    make = TaskMaker(spec, base, styles, stores)
    assets = expand_inputs(spec, base=base, on_problem=on_problem, stores=stores)
    masters = _masters(spec, paged(assets, spec, stores))
    shapes = [(shape, output) for shape in spec.formats or (None,) for output in spec.outputs]
    while batch := list(islice(masters, MASTERS_AT_ONCE if len(shapes) > 1 else 1)):
        for shape, output in shapes:
            for master in batch:
                try:
                    task = make(master, shape, output)
                except JobError as problem:
                    on_problem(problem)
                    continue
                if task is not None:
                    yield task


def _masters(spec: JobSpec, assets: Iterable[Asset]) -> Iterator[StyledAsset]:
    first = folder_first = folder = ""
    for index, asset in enumerate(assets, start=1):
        first = first or asset.source
        if not folder_first or asset.folder != folder:
            folder, folder_first = asset.folder, asset.source
        stamp = asset.fingerprint or source_stamp(asset.source)
        for style in spec.styles:
            for strength in strengths_of(spec, style):
                yield StyledAsset(asset, index, stamp, style, strength, first, folder_first)
