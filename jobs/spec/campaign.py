"""The part of a spec that makes a campaign: formats, where crops lie, and what is left out."""

import fnmatch
import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from giornata.jobs.errors import BadName
from giornata.jobs.spec.base import SpecModel, one_or_many
from giornata.jobs.spec.crop import CENTRE, Area, CropNeed, CropStyling, Point
from giornata.jobs.spec.naming import COLUMN, NameField
from giornata.jobs.spec.output import Side

_RATIO = re.compile(r"(\d{1,5}(?:\.\d{1,4})?)\s*:\s*(\d{1,5}(?:\.\d{1,4})?)")
_SIZE = re.compile(r"(\d{1,7})\s*[x×]\s*(\d{1,7})")
FORMAT_NEEDED = 'a ratio such as "4:5" or a size such as 1200x628'
FOCAL_COLUMNS = ("focal_x", "focal_y")
SAFE_COLUMNS = ("safe_left", "safe_top", "safe_right", "safe_bottom")


def _shape(value: Any) -> Any:
    """A bare word as the group of keys it stands for."""
    if not isinstance(value, str):
        return value
    if match := _SIZE.fullmatch(value.strip()):
        return {"size": (int(match[1]), int(match[2]))}
    return {"ratio": value}


def _ratio(text: str) -> str:
    match = _RATIO.fullmatch(text.strip())
    if not match or not float(match[1]) or not float(match[2]):
        raise ValueError(f"got {text!r}, needed {FORMAT_NEEDED}")
    return f"{match[1]}:{match[2]}"


class FormatSpec(SpecModel):
    """One shape that every picture is cut to. A bare word is a ratio, or a size in px."""

    ratio: Annotated[str, AfterValidator(_ratio)] | None = Field(None, description=FORMAT_NEEDED)
    size: tuple[Side, Side] | None = Field(None, description="[width, height] in px")
    label: str | None = Field(None, min_length=1, max_length=64, description="a word for file names")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.ratio is None) == (self.size is None):
            raise ValueError("needed either ratio or size")
        return self

    @property
    def resolved_label(self) -> str:
        """The word for file names: as given, `4x5` for a ratio, `1200x628` for a size."""
        if self.size:
            return self.label or f"{self.size[0]}x{self.size[1]}"
        return self.label or (self.ratio or "").replace(":", "x")

    def need(self, size: int | tuple[int, int] | None) -> CropNeed:
        """The shape, with the long side that an output asks for."""
        if self.size:
            return CropNeed(aspect=self.size[0] / self.size[1], size=self.size)
        width, height = (self.ratio or "1:1").split(":")
        return CropNeed(aspect=float(width) / float(height), size=size)


class CropRules(SpecModel):
    """Where crops lie when a picture's own columns do not say so, and what is styled."""

    styling: CropStyling = CropStyling.ONCE
    focal: Point = Field(CENTRE, description="[x, y], each from 0 to 1")
    safe: Area | None = Field(None, description="[left, top, right, bottom], each from 0 to 1")

    @model_validator(mode="after")
    def _is_an_area(self) -> Self:
        if self.safe and not _is_area(self.safe):
            raise ValueError(f"got safe {list(self.safe)}, needed left before right and top before bottom")
        return self

    def place(self, source: str, columns: Mapping[str, str]) -> tuple[Point, Area | None]:
        """The focal point and safe area of one picture; its own columns go first. Raises `BadName`."""
        focal = _cells(source, columns, FOCAL_COLUMNS) or self.focal
        safe = _cells(source, columns, SAFE_COLUMNS)
        if safe and not _is_area((safe[0], safe[1], safe[2], safe[3])):
            message = f"got {', '.join(SAFE_COLUMNS)} of {_listed(safe)}"
            raise BadName(source, f"{message}, needed left before right and top before bottom")
        return (focal[0], focal[1]), (safe[0], safe[1], safe[2], safe[3]) if safe else self.safe


def _is_area(area: Area) -> bool:
    return area[0] < area[2] and area[1] < area[3]


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _cells(source: str, columns: Mapping[str, str], names: tuple[str, ...]) -> tuple[float, ...] | None:
    """Numbers from 0 to 1 in these columns; None when all of them are empty or missing."""
    cells = [columns.get(COLUMN + name, "").strip() for name in names]
    if not any(cells):
        return None
    numbers = []
    for name, cell in zip(names, cells, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise BadName(source, f"got {cell!r} in its column {name}, needed a number from 0 to 1")
        numbers.append(number)
    return tuple(numbers)


def _pattern(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _columns(value: Any) -> Any:
    return {name: _pattern(text) for name, text in value.items()} if isinstance(value, Mapping) else value


Pattern = Annotated[str, BeforeValidator(_pattern), Field(min_length=1, max_length=1000)]


class Exclude(SpecModel):
    """Combinations that are not made: every key that is given must match. `*` and `?` stand for anything."""

    style: Pattern | None = None
    ratio: Pattern | None = None
    strength: Pattern | None = None
    suffix: Pattern | None = None
    stem: Pattern | None = None
    name: Pattern | None = None
    folder: Pattern | None = None
    columns: Annotated[dict[str, Pattern], BeforeValidator(_columns)] = Field(
        {}, description="manifest columns with what they must hold"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.wanted:
            raise ValueError("needed at least one key, or nothing would be made")
        return self

    @property
    def wanted(self) -> dict[str, str]:
        """The patterns by the name of the value that each is held against."""
        given = self.model_dump(exclude={"columns"}, exclude_none=True)
        if "ratio" in given:
            given["ratio"] = given["ratio"].replace(":", "x")
        return {**given, **{COLUMN + name: text for name, text in self.columns.items()}}

    def matches(self, values: Mapping[str, str | int]) -> bool:
        """Whether a combination with these values of name fields is meant."""
        return all(
            fnmatch.fnmatchcase(str(values.get(field, "")), pattern) for field, pattern in self.wanted.items()
        )


Formats = Annotated[tuple[Annotated[FormatSpec, BeforeValidator(_shape)], ...], BeforeValidator(one_or_many)]
Excludes = Annotated[tuple[Exclude, ...], BeforeValidator(one_or_many)]


def needed_fields(*, formats: int, strengths: int) -> tuple[NameField, ...]:
    """The name fields that tell the outputs of one picture and style apart."""
    several = ((NameField.STRENGTH, strengths), (NameField.RATIO, formats))
    return tuple(field for field, count in several if count > 1)
