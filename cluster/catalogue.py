"""The styles a job may name: a library as planning sees it, without loading any weights."""

import hashlib
from collections.abc import Mapping

from giornata.cluster.settings import home_folder
from giornata.styles.card import IDENTITY
from giornata.styles.encoder_files import encoder_version
from giornata.styles.library import Library

# Raised whenever the same weights and the same picture would come out with other pixels.
ENGINE_VERSION = "2"
OPTIMISATION_VERSION = "2"  # the same for pictures that are optimised


class LibraryStyles:
    """The `StyleCheck` of a library: which names there are, and which version each one is."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def names(self) -> tuple[str, ...]:
        """Every style's name."""
        return self._library.names

    def version(self, mix: Mapping[str, float], *, encoder: str = "") -> str:
        """16 hexadecimal digits of the engine and the weights behind a mix of styles, or an encoder."""
        named = sorted(name for name in mix if name != IDENTITY)
        hashes = [self._library.find(name).card.sha256 for name in named if name in self._library.styles]
        if encoder:
            hashes += [OPTIMISATION_VERSION, encoder_version(encoder)]
        return hashlib.blake2b("\n".join([ENGINE_VERSION, *hashes]).encode(), digest_size=8).hexdigest()


def user_library() -> Library:
    """The user's own styles before the shipped ones."""
    return Library((home_folder() / "styles",))
