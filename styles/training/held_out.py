"""Pictures that are kept for judging: no training and no shipped style uses them."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from giornata.styles.errors import BadRecipe
from giornata.styles.training.recipe import RECIPES, Painting, read_toml

SHIPPED = RECIPES / "held_out.toml"


class HeldOut(BaseModel):
    """Names of files without suffix. `photo_copies` are the same photographs under other names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paintings: frozenset[str] = frozenset()
    photos: frozenset[str] = frozenset()
    photo_copies: frozenset[str] = frozenset()

    @property
    def all_photos(self) -> frozenset[str]:
        """The photographs, under whatever names."""
        return self.photos | self.photo_copies

    def refuse(self, paintings: Sequence[Painting]) -> None:
        """Raise `BadRecipe` if one of `paintings` is held out."""
        for painting in paintings:
            if Path(painting.image).stem in self.paintings:
                raise BadRecipe(painting.image, "held out for evaluation; choose another painting")


def load_held_out(path: Path | None = None) -> HeldOut:
    """Read a list, the project's own by default. Raises `BadRecipe` naming the file and the field."""
    return read_toml(HeldOut, path or SHIPPED)
