"""`JobSpec`: what a person writes to ask for a batch, checked as far as one can without looking at files."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from giornata.jobs.spec.base import Share, SpecModel, named, one_or_many
from giornata.jobs.spec.campaign import CropRules, Excludes, Formats, needed_fields
from giornata.jobs.spec.collection import BAG_PAYLOAD, Fidelity, Package, Price, QualityChecks
from giornata.jobs.spec.crop import CropStyling
from giornata.jobs.spec.naming import DEFAULT_TEMPLATE, NameField, NameTemplate, parse_template
from giornata.jobs.spec.output import Masks, Metadata, OutputSpec, Palette, SourceLimits
from giornata.jobs.spec.policy import Notify, Policy
from giornata.jobs.spec.render import RenderSpec
from giornata.jobs.spec.storage import Storage
from giornata.jobs.spec.style import InputSpec, StyleSpec


def _template(text: str) -> str:
    parse_template(text)
    return text


Inputs = Annotated[tuple[Annotated[InputSpec, named("path")], ...], BeforeValidator(one_or_many)]
Styles = Annotated[tuple[Annotated[StyleSpec, named("name")], ...], BeforeValidator(one_or_many)]
Outputs = Annotated[tuple[OutputSpec, ...], BeforeValidator(one_or_many)]
Notices = Annotated[tuple[Annotated[Notify, named("url")], ...], BeforeValidator(one_or_many)]
Template = Annotated[str, AfterValidator(_template)]
Strengths = Annotated[
    tuple[Share, ...], BeforeValidator(lambda value: [value] if isinstance(value, int | float) else value)
]


class JobSpec(SpecModel):
    """A whole job, version 1. Relative paths are meant from the folder of the file it was read from."""

    version: int = Field(1, ge=1, le=1, description="1")
    name: str = Field(min_length=1, max_length=100, description="text of 1 to 100 characters")
    inputs: Inputs = Field(min_length=1, description="a list of files, folders, globs or manifests")
    styles: Styles = Field(min_length=1, description="a list of style names, mixes or images")
    strengths: Strengths = Field((), max_length=32, description="a list of numbers from 0 to 1")
    formats: Formats = Field((), max_length=64, description="a list of ratios and sizes")
    crop: CropRules = Field(CropRules(), description="a group of keys")
    excludes: Excludes = Field((), max_length=1000, description="a list of groups of keys")
    render: RenderSpec = Field(RenderSpec(), description="a group of keys")
    outputs: Outputs = Field((OutputSpec(),), min_length=1, description="a list of groups of keys")
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

    def _check_names(self, output: OutputSpec, template: NameTemplate) -> None:
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
        fields = needed_fields(formats=len(self.formats), strengths=len(self.strengths))
        more = "".join(f"_{{{field}}}" for field in fields)
        return parse_template(DEFAULT_TEMPLATE.replace("{style}", f"{{style}}{more}"))

    def template_of(self, output: OutputSpec) -> NameTemplate:
        """The parsed template of one of the outputs."""
        return parse_template(output.template) if output.template else self.name_template

    def digest(self, *, base: Path) -> str:
        """64 hexadecimal digits that change when the spec, or the folder its paths start from, does."""
        text = f"{self.model_dump_json(exclude_defaults=True)}\n{base.resolve()}"
        return hashlib.sha256(text.encode()).hexdigest()
