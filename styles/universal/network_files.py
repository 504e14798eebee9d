"""The file that holds the universal network's weights, and the hash that statistics are tied to.

A file of its own because planning and listing ask without loading torch.
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giornata.styles.errors import BadCard

FOLDER = Path(__file__).resolve().parents[1] / "networks"
SHIPPED_CARD = FOLDER / "universal.toml"


class NetworkCard(BaseModel):
    """The papers of a network that styles are statistics of.

    `encoder` is the hash of the encoder's numbers alone: what statistics belong to. A decoder that was
    trained on paints the same styles, better.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    encoder: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    trained_on: str
    made_by: str
    teachers: str
    rebuilt_db: dict[str, float] = Field(default={}, description="PSNR by level, on pictures not trained on")


def load_network_card(path: Path = SHIPPED_CARD) -> NetworkCard:
    """Read a network's card. Raises `BadCard`."""
    try:
        return NetworkCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadCard(str(path), str(exc)) from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadCard(str(path), f"{where}: {first['msg']}") from exc
