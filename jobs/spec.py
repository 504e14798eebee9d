"""`JobSpec`: what a person writes to ask for a batch, checked as far as one can without looking at files."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)

from giornata.jobs.campaign import CropRules, Excludes, Formats, needed_fields
from giornata.jobs.choices import (
    DeviceChoice,
    EngineKind,
    NotifyKind,
    OnExisting,
    Pages,
    Precision,
    PreserveColour,
    StartWhen,
    Statistics,
    listed,
)
from giornata.jobs.complaints import bad_spec
from giornata.jobs.cropping import CropStyling
from giornata.jobs.errors import BadSpec
from giornata.jobs.heritage import BAG_PAYLOAD, Fidelity, Package, Price, QualityChecks
from giornata.jobs.marks import MarkedData, read_marked
from giornata.jobs.naming import DEFAULT_TEMPLATE, NameField, NameTemplate, parse_template
from giornata.jobs.optimise import OptimiseChoice
from giornata.jobs.parts import Part, Share, Weight, named, one_or_many
from giornata.jobs.pixels import (
    BRUSH_NEEDED,
    BrushSize,
    Masks,
    Metadata,
    OutputOptions,
    Palette,
    RegionChoice,
    SourceLimits,
)
from giornata.jobs.storage import Storage

__all__ = ["InputChoice", "JobSpec", "OutputOptions", "StyleChoice", "load_spec", "parse_spec"]

MANIFEST_SUFFIXES = (".csv", ".jsonl")
TILE_STEP_PX = 16  # a multiple of every engine's stride
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")


class InputChoice(Part):
    """One entry of `inputs`: a file, folder or glob, or a manifest. A bare word is a `path`."""

    path: str | None = Field(None, min_length=1, description="a file, a folder or a glob")
    manifest: str | None = Field(None, min_length=1, description="a .csv or .jsonl file")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.path is None) == (self.manifest is None):
            raise ValueError("needed either path or manifest")
        if self.manifest is not None and not self.manifest.lower().endswith(MANIFEST_SUFFIXES):
            raise ValueError(f"got {self.manifest!r}, needed a name in {' or '.join(MANIFEST_SUFFIXES)}")
        return self

    @property
    def manifest_path(self) -> str | None:
        """The manifest this entry names, also when it was written as a bare word."""
        bare = self.path if self.path and self.path.lower().endswith(MANIFEST_SUFFIXES) else None
        return self.manifest or bare


class StyleChoice(Part):
    """One entry of `styles`: a style by name, a weighted mix of them, or a picture to take the style from."""

    name: str | None = Field(None, min_length=1, description="the name of a style")
    mix: dict[str, Weight] | None = Field(None, min_length=1, description="style names with numbers above 0")
    image: str | None = Field(None, min_length=1, description="the path of a picture")
    engine: EngineKind | None = None
    label: str | None = Field(None, min_length=1, description="a word for file names")
    strength: Share | None = None
    steps: int | None = Field(None, ge=1, le=100_000, description="a whole number from 1 to 100000")
    optimise: OptimiseChoice | None = Field(None, description="a group of keys")
    regions: Annotated[tuple[RegionChoice, ...], BeforeValidator(one_or_many)] = Field((), max_length=16)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if sum(given is not None for given in (self.name, self.mix, self.image)) != 1:
            raise ValueError("needed exactly one of name, mix and image")
        if self.image and self.engine is EngineKind.FEEDFORWARD:
            raise ValueError(f"a style image needs engine {EngineKind.OPTIMIZATION}")
        if self.steps and self.resolved_engine is EngineKind.FEEDFORWARD:
            raise ValueError(f"steps are for engine {EngineKind.OPTIMIZATION}")
        if self.optimise and self.resolved_engine is EngineKind.FEEDFORWARD:
            raise ValueError(f"optimise is for engine {EngineKind.OPTIMIZATION}")
        if self.resolved_engine is EngineKind.OPTIMIZATION and not self.image:
            raise ValueError(f"engine {EngineKind.OPTIMIZATION} needs image, the path of a style picture")
        if self.regions and self.image:
            raise ValueError("regions are for styles by name; needed optimise.images with a mask each")
        return self

    @property
    def resolved_engine(self) -> EngineKind:
        """The engine asked for; a style image implies optimization."""
        return self.engine or (EngineKind.OPTIMIZATION if self.image else EngineKind.FEEDFORWARD)

    @property
    def weights(self) -> dict[str, float]:
        """Style names with weights that sum to one; empty for a style image."""
        parts = self.mix or ({self.name: 1.0} if self.name else {})
        total = sum(parts.values())
        return {name: weight / total for name, weight in sorted(parts.items())}

    @property
    def resolved_label(self) -> str:
        """The word for file names: as given, the name, `wave70+seurat30`, or the image's stem."""
        if self.label or self.name:
            return self.label or self.name or ""
        if self.image:
            return PurePath(self.image).stem
        return "+".join(f"{name}{round(100 * weight)}" for name, weight in self.weights.items())


class RenderOptions(Part):
    """How every picture of the job is rendered; `blend` mixes pixels, `strength` walks inside the network."""

    strength: Share = 1.0
    blend: Share = 1.0
    tile: int | None = Field(
        None,
        ge=64,
        le=2048,
        multiple_of=TILE_STEP_PX,
        description=f"a multiple of {TILE_STEP_PX} from 64 to 2048 (px of core)",
    )
    overlap: int = Field(64, ge=0, le=1024, description="a whole number from 0 to 1024 (px)")
    statistics: Statistics = Statistics.EXACT
    reference: str | None = Field(None, min_length=1, description="the path of a picture")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="a whole number from 0")
    precision: Precision = Precision.FP32
    device: DeviceChoice = DeviceChoice.AUTO
    preserve_colour: PreserveColour = PreserveColour.NONE
    brush: BrushSize | None = Field(None, description=BRUSH_NEEDED)
    pages: Pages = Pages.REFUSE
    float_range: tuple[float, float] | None = Field(None, description="[lowest, highest] of float samples")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.reference is None) == (self.statistics is Statistics.REFERENCE):
            raise ValueError(f"reference goes with statistics: {Statistics.REFERENCE}, one needs the other")
        if self.tile is not None and self.overlap > self.tile:
            raise ValueError(f"got overlap {self.overlap} px, needed at most the tile's {self.tile} px")
        return self


BRAKE_NEEDED = 'a whole number from 0 or a share such as "10%"'


def _brake(value: int | str) -> int | str:
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    good = (match and float(match[1]) <= 100) if isinstance(value, str) else value >= 0
    if not good:
        raise ValueError(f"got {value!r}, needed {BRAKE_NEEDED}")
    return value


Brake = Annotated[int | str, AfterValidator(_brake)]


class Policy(Part):
    """What a failure costs, and what happens to outputs that are already there."""

    max_failed: Brake | None = Field(None, description=BRAKE_NEEDED)
    retries: int = Field(2, ge=0, le=100, description="a whole number from 0 to 100")
    timeout_s: float = Field(3600, gt=0, allow_inf_nan=False, description="a number of seconds above 0")
    on_existing: OnExisting = OnExisting.SKIP
    # Pause when more than half of the first so many items failed alike; 0 never does.
    canary: int = Field(20, ge=0, le=1000, description="a whole number from 0 to 1000")
    start: StartWhen = StartWhen.CHECKED

    def allowed_failures(self, total: int) -> int | None:
        """How many of `total` items may fail before the job stops; nothing means all of them."""
        if isinstance(self.max_failed, str):
            return int(float(self.max_failed.rstrip("% ")) / 100 * total)
        return self.max_failed


class Notify(Part):
    """Where to post word of a job, signed; private addresses are refused unless the service allows them."""

    url: str = Field(
        min_length=8, max_length=2000, pattern=r"^https?://[^\s@]+$", description="an http(s) address"
    )
    on: frozenset[NotifyKind] = frozenset(NotifyKind)


def _template(text: str) -> str:
    parse_template(text)
    return text


Inputs = Annotated[tuple[Annotated[InputChoice, named("path")], ...], BeforeValidator(one_or_many)]
Styles = Annotated[tuple[Annotated[StyleChoice, named("name")], ...], BeforeValidator(one_or_many)]
Outputs = Annotated[tuple[OutputOptions, ...], BeforeValidator(one_or_many)]
Notices = Annotated[tuple[Annotated[Notify, named("url")], ...], BeforeValidator(one_or_many)]
Template = Annotated[str, AfterValidator(_template)]
Strengths = Annotated[
    tuple[Share, ...], BeforeValidator(lambda value: [value] if isinstance(value, int | float) else value)
]


class JobSpec(Part):
    """A whole job, version 1. Relative paths are meant from the folder of the file it was read from."""

    version: int = Field(1, ge=1, le=1, description="1")
    name: str = Field(min_length=1, max_length=100, description="text of 1 to 100 characters")
    inputs: Inputs = Field(min_length=1, description="a list of files, folders, globs or manifests")
    styles: Styles = Field(min_length=1, description="a list of style names, mixes or images")
    strengths: Strengths = Field((), max_length=32, description="a list of numbers from 0 to 1")
    formats: Formats = Field((), max_length=64, description="a list of ratios and sizes")
    crop: CropRules = Field(CropRules(), description="a group of keys")
    excludes: Excludes = Field((), max_length=1000, description="a list of groups of keys")
    render: RenderOptions = Field(RenderOptions(), description="a group of keys")
    outputs: Outputs = Field((OutputOptions(),), min_length=1, description="a list of groups of keys")
    destination: str = Field(min_length=1, description="a folder")
    template: Template = Field(DEFAULT_TEMPLATE, max_length=1000, description="a name template")
    masks: Masks = Field(Masks(), description="a group of keys")
    metadata: Metadata = Field(Metadata(), description="a group of keys")
    limits: SourceLimits = Field(SourceLimits(), description="a group of keys")
    storage: Storage = Field(Storage(), description="a group of keys")
    palette: Palette | None = Field(None, description="a group of keys")
    fidelity: Fidelity = Field(Fidelity(), description="a group of keys")
    quality: QualityChecks = Field(QualityChecks(), description="a group of keys")
    package: Package = Field(Package(), description="a group of keys")
    price: Price | None = Field(None, description="a group of keys")
    policy: Policy = Field(Policy(), description="a group of keys")
    notify: Notices = Field((), max_length=10, description="a list of addresses")

    @model_validator(mode="after")
    def _names_can_be_made(self) -> Self:
        for output in self.outputs:
            self._check_names(output, self.template_of(output))
        return self

    def _check_names(self, output: OutputOptions, template: NameTemplate) -> None:
        fields = template.fields
        sized = (
            all(choice.size for choice in self.formats) if self.formats else isinstance(output.size, tuple)
        )
        if fields & {NameField.WIDTH, NameField.HEIGHT} and not sized:
            raise ValueError("template: {width} and {height} need a size of [width, height] in every output")
        if template.columns and not any(entry.manifest_path for entry in self.inputs):
            raise ValueError("template: {column.<name>} needs a manifest among the inputs")
        if NameField.SUFFIX not in fields and output.suffix:
            raise ValueError("template: an output has a suffix, needed {suffix} in the template")
        for field in needed_fields(formats=0 if sized else len(self.formats), strengths=len(self.strengths)):
            if field not in fields:
                raise ValueError(f"template: several values of {field}, needed {{{field}}} in the template")

    @model_validator(mode="after")
    def _crops_can_be_made(self) -> Self:
        for output in self.outputs if self.formats else ():
            if isinstance(output.size, tuple):
                raise ValueError("outputs: with formats a size is the long side in px; got [width, height]")
            if output.size and any(choice.size for choice in self.formats):
                raise ValueError("outputs: got a size, and formats that have one of their own")
        masked = self.masks.protect or self.masks.apply or any(style.regions for style in self.styles)
        if self.formats and masked and self.crop.styling is CropStyling.EACH:
            raise ValueError(
                f"crop: masks go with styling: {CropStyling.ONCE}, they are for the whole picture"
            )
        return self

    @model_validator(mode="after")
    def _bag_has_a_payload(self) -> Self:
        if (
            self.package.bag is not None
            and re.split(r"[/\\]", self.destination.rstrip("/\\"))[-1] != BAG_PAYLOAD
        ):
            reason = f"needed one that ends in /{BAG_PAYLOAD}, the bag is the folder above it"
            raise ValueError(f"package: a bag with destination {self.destination!r}, {reason}")
        return self

    @property
    def name_template(self) -> NameTemplate:
        """The parsed template of outputs that have none of their own."""
        if self.template != DEFAULT_TEMPLATE:
            return parse_template(self.template)
        told = needed_fields(formats=len(self.formats), strengths=len(self.strengths))
        more = "".join(f"_{{{field}}}" for field in told)
        return parse_template(DEFAULT_TEMPLATE.replace("{style}", f"{{style}}{more}"))

    def template_of(self, output: OutputOptions) -> NameTemplate:
        """The parsed template of one of the outputs."""
        return parse_template(output.template) if output.template else self.name_template

    def digest(self, *, base: Path) -> str:
        """64 hexadecimal digits that change when the spec, or the folder its paths start from, does."""
        words = f"{self.model_dump_json(exclude_defaults=True)}\n{base.resolve()}"
        return hashlib.sha256(words.encode()).hexdigest()


def load_spec(path: str | Path) -> JobSpec:
    """Read a spec from YAML or JSON. Raises `BadSpec` with file, line and field."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadSpec(str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise BadSpec(str(path), f"got a wrong byte at {error.start}, needed UTF-8 text") from error
    return _parse(read_marked(text, origin=str(path)), origin=str(path))


def parse_spec(mapping: Mapping[str, Any], *, origin: str) -> JobSpec:
    """Make a spec from plain data; `origin` is what messages call it. Raises `BadSpec`."""
    return _parse(MarkedData(mapping, {}), origin=origin)


def _parse(marked: MarkedData, *, origin: str) -> JobSpec:
    if not isinstance(marked.data, Mapping):
        raise BadSpec(
            origin, f"got {type(marked.data).__name__}, needed keys: {listed(JobSpec.model_fields)}"
        )
    try:
        return JobSpec.model_validate(dict(marked.data))
    except ValidationError as error:
        raise bad_spec(error, JobSpec, origin=origin, marked=marked) from error
