"""The library: cards on disk by name, without loading torch, so that listing styles is instant."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from giornata.styles.card import StyleCard, load_card
from giornata.styles.errors import StyleError, UnknownStyle, WeightsMismatch

SHIPPED = Path(__file__).resolve().parent / "library"
SHIPPED_STATISTICS = SHIPPED / "universal"  # styles that are statistics: some eighty files


@dataclass(frozen=True)
class Shelved:
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
        self.styles: Mapping[str, Shelved] = self._read()

    def _read(self) -> dict[str, Shelved]:
        found: dict[str, Shelved] = {}
        for folder in self.folders:
            for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
                card = load_card(path)
                found.setdefault(card.name, Shelved(card, folder))
        return dict(sorted(found.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """Every style's name, sorted."""
        return tuple(self.styles)

    def find(self, name: str) -> Shelved:
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


def check_hash(shelved: Shelved, known: dict[Path, str] | None = None) -> None:
    """Raise `WeightsMismatch` unless the weight file has the card's sha256; `known` remembers files."""
    known = {} if known is None else known
    path = shelved.weights_path
    if path not in known:
        if not path.is_file():
            raise WeightsMismatch(str(path), "no such file", f"sha256 {shelved.card.sha256}")
        known[path] = sha256_of(path)
    if known[path] != shelved.card.sha256:
        raise WeightsMismatch(str(path), f"sha256 {known[path]}", f"sha256 {shelved.card.sha256}")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
