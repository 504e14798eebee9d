"""The style card: what a style is called, where its weights are, and what they were made from."""

import json
import tomllib
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giornata.styles.errors import BadCard

IDENTITY = "identity"


class EngineName(StrEnum):
    """Engines a card may ask for."""

    FEEDFORWARD = "feedforward"
    UNIVERSAL = "universal"


class Artwork(BaseModel):
    """The picture a style was learnt from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    artist: str
    year: str


class StyleCard(BaseModel):
    """One style of a library and its papers: a row of a network's tables, or statistics of a picture.

    `network` is the hash of the encoder that statistics belong to (engine universal). `levels` and
    `structure` are what the style looks best with, when a job asks for nothing else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    engine: EngineName
    weights: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="a file beside the card")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    trained_on: str
    recipe: str
    artwork: Artwork
    stride: int
    halo_px: int
    min_side: int
    strength: float = Field(default=1.0, ge=0, le=1, description="the default when a job asks for none")
    network: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    levels: int | None = Field(default=None, ge=1, le=5)
    structure: float | None = Field(default=None, ge=0, le=1)

    @property
    def version(self) -> str:
        """Changes whenever this style would paint other pixels with the same engine."""
        if self.engine is EngineName.FEEDFORWARD:
            return self.sha256
        return f"{self.sha256} {self.network} {self.levels} {self.structure}"


def load_card(path: Path) -> StyleCard:
    """Read a card (TOML). Raises `BadCard` naming file and field."""
    try:
        return StyleCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadCard(str(path), str(exc)) from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadCard(str(path), f"{where}: {first['msg']}") from exc


def card_text(card: StyleCard) -> str:
    """The card as TOML; the inverse of `load_card`."""

    def line(key: str, value: object) -> str:
        # JSON's escapes are TOML's as well, but for the one character that JSON leaves alone.
        quoted = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        return f"{key} = {quoted}"

    fields = card.model_dump(mode="json", exclude_none=True)
    artwork = fields.pop("artwork")
    head = [line(key, value) for key, value in fields.items()]
    tail = [line(key, value) for key, value in artwork.items()]
    return "\n".join([*head, "", "[artwork]", *tail, ""])
