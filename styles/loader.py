"""From card to engine: weights checked, read and placed on a device."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from giornata.styles.errors import StyleError, UnknownStyle, WeightsMismatch
from giornata.styles.feedforward import FeedForwardEngine, style_weights
from giornata.styles.library import Library, Shelved, check_hash
from giornata.styles.network import TransformerNetwork

FORMAT = "giornata-transformer-1"


def read_header(path: Path) -> dict[str, str]:
    """The text fields of a weight file: format, width, blocks, and the style names as JSON."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (OSError, SafetensorError) as exc:
        raise WeightsMismatch(str(path), str(exc), "a readable safetensors file") from exc
    if header.get("format") != FORMAT:
        raise WeightsMismatch(str(path), f"format {header.get('format')!r}", f"format {FORMAT!r}")
    return header


def read_network(path: Path) -> tuple[TransformerNetwork, tuple[str, ...]]:
    """The network in a weight file and the names of its rows; float32, on the CPU."""
    header = read_header(path)
    names = tuple(json.loads(header["styles"]))
    network = TransformerNetwork(styles=len(names), width=int(header["width"]), blocks=int(header["blocks"]))
    try:
        network.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    except RuntimeError as exc:
        raise WeightsMismatch(str(path), str(exc).splitlines()[0], "the tensors its header promises") from exc
    return network.eval(), names


@lru_cache(maxsize=4)
def _cached_network(path: Path, sha256: str) -> tuple[TransformerNetwork, tuple[str, ...]]:
    # The hash is part of the key: a style installed anew is read anew.
    return read_network(path)


def shared_weights(library: Library, mix: Mapping[str, float]) -> Shelved:
    """The one weight file that holds every style of `mix`. Raises `StyleError` if they lie in several."""
    shelves = [library.find(name) for name in mix]
    if not shelves:
        raise UnknownStyle("(no style)", library.names)
    if len({s.card.sha256 for s in shelves}) > 1:
        raise StyleError(f"mixing {', '.join(mix)}: got styles of different networks, needed styles of one")
    return shelves[0]


def load_engine(
    library: Library,
    mix: Mapping[str, float],
    *,
    strength: float = 1.0,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    lanes: int = 1,
) -> FeedForwardEngine:
    """The engine for a weighted `mix` of styles at `strength` 0..1.

    Raises `UnknownStyle`, `WeightsMismatch`, or `StyleError` when the styles live in different networks.
    """
    shelved = shared_weights(library, mix)
    check_hash(shelved)
    network, names = _cached_network(shelved.weights_path, shelved.card.sha256)
    on_device = torch.device(device)
    if on_device.type != "cpu" or dtype != torch.float32:
        network = read_network(shelved.weights_path)[0]
    weights = style_weights(names, mix, strength)
    return FeedForwardEngine(network, weights, device=device, dtype=dtype, lanes=lanes)
