"""The styles a job may name: a library as planning sees it, without loading any weights."""

import hashlib
from collections.abc import Mapping

from giornata.cluster.settings import home_folder
from giornata.jobs.spec.enums import EngineKind
from giornata.styles.library import IDENTITY, Library, StyleCard
from giornata.styles.perception.encoder_files import encoder_version
from giornata.styles.universal.network_files import load_network_card

# Raised whenever the same weights and the same picture would come out with other pixels.
ENGINE_VERSION = "2"
OPTIMISATION_VERSION = "2"  # the same for pictures that are optimised
UNIVERSAL_VERSION = "1"  # and for those of the universal engine


class LibraryStyles:
    """The `StyleCheck` of a library: which names there are, what paints them, which version each one is."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def names(self) -> tuple[str, ...]:
        """Every style's name."""
        return self._library.names

    def engines(self, mix: Mapping[str, float]) -> frozenset[EngineKind]:
        """The engines of a mix; of names that are not there, none."""
        return frozenset(EngineKind(card.engine.value) for card in self._cards(mix))

    def version(self, mix: Mapping[str, float], *, encoder: str = "", is_universal: bool = False) -> str:
        """16 hexadecimal digits of the engine and the weights behind a mix, an encoder, or any image."""
        cards = self._cards(mix)
        hashes = [card.version for card in cards]
        if encoder:
            hashes += [OPTIMISATION_VERSION, encoder_version(encoder)]
        if is_universal or EngineKind.UNIVERSAL in self.engines(mix):
            hashes += [UNIVERSAL_VERSION, load_network_card().sha256]
        return hashlib.blake2b("\n".join([ENGINE_VERSION, *hashes]).encode(), digest_size=8).hexdigest()

    def _cards(self, mix: Mapping[str, float]) -> list[StyleCard]:
        """The cards of those styles of a mix that are there, by name."""
        named = sorted(name for name in mix if name != IDENTITY)
        return [self._library.find(name).card for name in named if name in self._library.styles]


def user_library() -> Library:
    """The user's own styles before the shipped ones."""
    return Library((home_folder() / "styles",))
