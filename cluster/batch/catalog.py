"""The installed styles as planning sees them, without loading weights, and the cost model of estimates."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache

from giornata.cluster.settings import home_folder
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.estimate import Size
from giornata.jobs.spec.enums import EngineKind
from giornata.styles.library import IDENTITY, Library, StyleCard
from giornata.styles.perception.encoder_files import SHIPPED, encoder_file, encoder_version
from giornata.styles.universal.network_files import load_network_card

# Raised whenever the same weights and the same image would come out with other pixels.
ENGINE_VERSION = "2"
OPTIMIZATION_VERSION = "2"  # the same for images that are optimised
UNIVERSAL_VERSION = "1"  # and for those of the universal engine


class InstalledStyles:
    """The `StyleCatalog` of a library: which names there are, what paints them, which version each one is."""

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
            hashes += [OPTIMIZATION_VERSION, encoder_version(encoder)]
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


# What one CPU core of a common server styles, halo included, by `giornata bench batch`.
MEGAPIXELS_PER_S_PER_CORE = 0.2
UNIVERSAL_MEGAPIXELS_PER_S_PER_CORE = 0.4  # of four levels, and of an image's style as of one by name
# And what a pixel takes it in a step, by `giornata bench optimize`; VGG-19 by `giornata bench encoders`.
STEP_S_PER_MEGAPIXEL = 8.0
VGG19_TIMES_SLOWER = 4.2


def cost_on(cpus: int) -> Callable[[RenderTask, Size], float]:
    """Seconds that `cpus` cores take to style an image of a size."""

    def seconds(task: RenderTask, size: Size) -> float:
        if task.optimise is not None:
            return STEP_S_PER_MEGAPIXEL / cpus * _megapixel_steps(task, size) * _slower(task.optimise.encoder)
        is_universal = task.engine is EngineKind.UNIVERSAL
        rate = UNIVERSAL_MEGAPIXELS_PER_S_PER_CORE if is_universal else MEGAPIXELS_PER_S_PER_CORE
        return size.width * size.height / 1e6 / (rate * cpus)

    return seconds


def _megapixel_steps(task: RenderTask, size: Size) -> float:
    # The engine's options come with torch: only an optimisation waits for it.
    from giornata.styles.optimization.options import scales_of
    from giornata.styles.perception.vgg import COMPACT, VGG19
    from giornata.workers.optimization.scale import LEAST_CELLS
    from giornata.workers.optimization.setup import optimization_options

    options = optimization_options(task)
    architecture = COMPACT if encoder_file(task.optimise.encoder) == SHIPPED else VGG19  # type: ignore[union-attr]
    least_px = LEAST_CELLS * architecture.common_stride(options.layers)
    scales = scales_of(size.width, size.height, options, least_px=least_px)
    return sum(scale.width * scale.height * scale.steps for scale in scales) / 1e6


@cache
def _slower(encoder: str) -> float:
    return 1.0 if encoder_file(encoder) == SHIPPED else VGG19_TIMES_SLOWER
