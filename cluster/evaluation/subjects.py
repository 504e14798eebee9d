"""What an evaluation is done on: photographs, and paintings with the styles that were made from them."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from giornata.cluster.evaluation.images import images_in, read_image
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.metrics import Image
from giornata.styles.library import StyleCard
from giornata.styles.training.recipe import RECIPES

PAINTING_SIDE_PX = 512  # short side at which a painting is looked at, whatever the photographs' size


@dataclass(frozen=True)
class Photo:
    """A photograph by the stem of its file; read when it is needed."""

    path: Path
    short_side_px: int
    square: bool = False

    @property
    def name(self) -> str:
        """The file's stem."""
        return self.path.stem

    def read(self) -> Image:
        """float32, H x W x 3, sRGB 0..1. Raises `BadEvaluation`."""
        return read_image(self.path, self.short_side_px, square=self.square)


@dataclass(frozen=True)
class StylePainting:
    """A painting by the stem of its file, and the styles of the library that it is the picture of.

    `unseen` says that no training and no shipped style has used it.
    """

    path: Path
    styles: tuple[str, ...] = ()
    unseen: bool = False

    @property
    def name(self) -> str:
        """The file's stem."""
        return self.path.stem

    @cached_property
    def image(self) -> Image:
        """float32, H x W x 3, sRGB 0..1, `PAINTING_SIDE_PX` on its short side. Raises `BadEvaluation`."""
        return read_image(self.path, PAINTING_SIDE_PX)


def choose_photos(
    places: Sequence[Path],
    *,
    short_side_px: int,
    square: bool,
    only: frozenset[str] | None,
    limit: int | None,
) -> tuple[Photo, ...]:
    """The photographs at `places`, those named in `only` if it is given, `limit` of them evenly spread.

    Raises `BadEvaluation` when there is none.
    """
    paths = [path for path in images_in(list(places)) if only is None or path.stem in only]
    if limit is not None and len(paths) > limit:
        paths = [paths[i * len(paths) // limit] for i in range(limit)]
    if not paths:
        sought = "photographs" if only is None else "held-out photographs"
        where = ", ".join(str(place) for place in places) or "nowhere"
        raise BadEvaluation(f"collecting {sought}", f"none in {where}", "one at least")
    return tuple(Photo(path, short_side_px, square) for path in paths)


def choose_paintings(
    places: Sequence[Path], cards: Iterable[StyleCard], *, unseen: frozenset[str]
) -> tuple[StylePainting, ...]:
    """Paintings at `places` that are the picture of a style or are named in `unseen`, sorted by name.

    A style's picture is the file that its card or a training's recipe names, or the one called like it.
    """
    files = {path.stem: path for path in images_in(list(places))}
    recipes = recipe_images()
    styles: dict[str, list[str]] = {}
    for card in cards:
        stem = image_of(card, recipes, files)
        if stem is not None:
            styles.setdefault(stem, []).append(card.name)
    names = sorted({*styles, *(unseen & files.keys())})
    return tuple(StylePainting(files[name], tuple(styles.get(name, ())), name in unseen) for name in names)


def recipe_images(folder: Path = RECIPES) -> dict[str, str]:
    """Style name to the stem of its painting's file, of all recipes of training."""
    images: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("paintings", ()):
            if isinstance(entry, dict) and {"name", "image"} <= entry.keys():
                images.setdefault(entry["name"], Path(entry["image"]).stem)
    return images


def image_of(card: StyleCard, recipes: Mapping[str, str], files: Mapping[str, Path]) -> str | None:
    """The stem of a style's painting among `files`, or None where it is not there."""
    fields = card.model_dump()
    image = fields.get("image") or fields["artwork"].get("image") or ""
    guesses = (Path(str(image)).stem, recipes.get(card.name, ""), card.name, card.name.replace("-", "_"))
    return next((guess for guess in guesses if guess in files), None)
