"""The part of a spec that a collection asks for: fidelity, quality checks, fixity and what is handed over."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from giornata.jobs.spec.base import Share, SpecModel

BAG_PAYLOAD = "data"  # RFC 8493: what a bag holds lies in a folder of this name


class Fidelity(SpecModel):
    """How close to its source a picture must stay; its strength is lowered until it does."""

    ssim: Share | None = Field(None, description="a structural similarity from 0 to 1")


class QualityChecks(SpecModel):
    """What is measured on every output, and the value beyond which it is not delivered.

    `seam` is in units of 1/255, `clipping` a share of the samples. Nothing is only measured, never refused,
    where the key is left out.
    """

    seam: float | None = Field(None, ge=0, allow_inf_nan=False, description="a number from 0, in 1/255")
    clipping: Share | None = None
    ssim: Share | None = None
    size: bool = Field(False, description="true: as many pixels as the source")
    profile: bool = Field(False, description="true: the source's own colour profile")

    @property
    def asked(self) -> bool:
        """Whether anything is to be measured."""
        return self != QualityChecks()


def _bag(value: Any) -> Any:
    return {} if value is True else (None if value is False else value)


BagInfo = Annotated[dict[str, str] | None, BeforeValidator(_bag)]


class Package(SpecModel):
    """What is written beside the outputs when a job has ended.

    `checksums` is a `manifest-sha256.txt`. `bag` makes the folder above the destination a BagIt bag, whose
    payload the destination is; its keys go into `bag-info.txt`. `contact_sheets` are one picture an asset.
    """

    checksums: bool = False
    bag: BagInfo = Field(None, description="true, or a group of keys for bag-info.txt")
    contact_sheets: bool = False

    @model_validator(mode="after")
    def _lines_stay_lines(self) -> Self:
        for label, text in (self.bag or {}).items():
            if not label.replace("-", "").isalnum() or "\n" in text:
                raise ValueError(
                    f"got {label!r} for the bag, needed one line under letters, digits and hyphens"
                )
        return self


class Price(SpecModel):
    """What an hour of the machine costs; `plan` multiplies."""

    per_hour: float = Field(ge=0, allow_inf_nan=False, description="a number from 0")
    currency: str = Field("", max_length=8, description="a word such as EUR")
