"""The universal engine on any painting: its statistics are taken on the spot, as for `--style-image`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from giornata.styles.errors import BadCard
from giornata.styles.evaluation.metrics import Image
from giornata.styles.universal.engine import UniversalEngine, UniversalOptions
from giornata.styles.universal.learn import learn_statistics
from giornata.styles.universal.loader import encoder_hash, read_network, shipped_network
from giornata.styles.universal.network import UniversalNetwork
from giornata.styles.universal.network_files import FOLDER, SHIPPED_CARD, load_network_card
from giornata.workers.tiling.executor import styled_in_one

Paint = Callable[[Image, float], Image]


def shipped_files() -> tuple[Path, ...]:
    """The card and the weights of the network that ships; the card alone where it cannot be read."""
    try:
        return SHIPPED_CARD, FOLDER / load_network_card(SHIPPED_CARD).weights
    except BadCard:
        return (SHIPPED_CARD,)


def shipped_painter(painting: Image) -> Paint:
    """The painter of `painting`, float32, H x W x 3, 0..1, by the shipped network. Raises `StyleError`."""
    return _painter(*shipped_network(), painting)


def painter_of(path: Path) -> Callable[[Image], Paint]:
    """The same with the network in a weight file, such as that of a training. Raises `WeightsMismatch`."""
    network = read_network(path)
    identity = encoder_hash(network)
    return lambda painting: _painter(network, identity, painting)


def _painter(network: UniversalNetwork, identity: str, painting: Image) -> Paint:
    statistics = learn_statistics(network, painting, identity=identity)

    def paint(photo: Image, strength: float) -> Image:
        options = UniversalOptions(strength=strength)
        engine = UniversalEngine(network, [statistics], [1.0], identity=identity, options=options)
        return np.clip(styled_in_one(engine, photo), 0, 1)

    return paint
