"""Style cards and the library of them on disk, read without torch, so that listing styles is instant."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giornata.styles.errors import BadCard, StyleError, UnknownStyle, WeightsMismatch

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
        """Text that changes whenever this style would paint other pixels with the same engine."""
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


SHIPPED = Path(__file__).resolve().parent / "library"
SHIPPED_STATISTICS = SHIPPED / "universal"  # styles that are statistics: some eighty files


@dataclass(frozen=True)
class LibraryEntry:
    """A card and the folder it lies in."""

    card: StyleCard
    folder: Path

    @property
    def weights_path(self) -> Path:
        """The weight file the card names."""
        return self.folder / self.card.weights


@dataclass(frozen=True)
class StyleVerdict:
    """What `Library.verify` found: `problem` is None for a sound style."""

    name: str
    problem: str | None


class Library:
    """Styles of several folders; an earlier folder wins over a later one of the same style name."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self.own_folders = tuple(folders)
        self.folders = (*self.own_folders, SHIPPED, SHIPPED_STATISTICS)
        self.styles: Mapping[str, LibraryEntry] = self._read()

    def _read(self) -> dict[str, LibraryEntry]:
        entries: dict[str, LibraryEntry] = {}
        for folder in self.folders:
            for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
                card = load_card(path)
                entries.setdefault(card.name, LibraryEntry(card, folder))
        return dict(sorted(entries.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """Every style's name, sorted."""
        return tuple(self.styles)

    def find(self, name: str) -> LibraryEntry:
        """The style called `name`. Raises `UnknownStyle`, which lists the known ones."""
        if name not in self.styles:
            raise UnknownStyle(name, self.names)
        return self.styles[name]

    def by_artist(self) -> list[tuple[str, list[StyleCard]]]:
        """Every style's card under its artist, by the last word of the artist's name."""
        groups: dict[str, list[StyleCard]] = {}
        for shelved in self.styles.values():
            groups.setdefault(shelved.card.artwork.artist, []).append(shelved.card)
        return sorted(groups.items(), key=lambda group: (group[0].split()[-1:], group[0]))

    def verify(self) -> list[StyleVerdict]:
        """Check that every card's weights are there and have the hash the card says."""
        hashes: dict[Path, str] = {}
        verdicts = []
        for name, shelved in self.styles.items():
            try:
                check_hash(shelved, hashes)
                verdicts.append(StyleVerdict(name, None))
            except (OSError, StyleError) as exc:
                verdicts.append(StyleVerdict(name, str(exc)))
        return verdicts


def check_hash(shelved: LibraryEntry, hashes: dict[Path, str] | None = None) -> None:
    """Raise `WeightsMismatch` unless the weight file has the card's sha256; `hashes` remembers files."""
    hashes = {} if hashes is None else hashes
    path = shelved.weights_path
    if path not in hashes:
        if not path.is_file():
            raise WeightsMismatch(str(path), "no such file", f"sha256 {shelved.card.sha256}")
        hashes[path] = sha256_of(path)
    if hashes[path] != shelved.card.sha256:
        raise WeightsMismatch(str(path), f"sha256 {hashes[path]}", f"sha256 {shelved.card.sha256}")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
