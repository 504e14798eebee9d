"""From card to engine: weights checked, read and placed on a device."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from giornata.styles.engine import Engine
from giornata.styles.errors import StyleError, UnknownStyle, WeightsMismatch
from giornata.styles.feedforward.engine import FeedForwardEngine, style_weights
from giornata.styles.feedforward.network import NetworkShape, TransformerNetwork, classic_shape
from giornata.styles.library import EngineName, Library, LibraryEntry, StyleCard, check_hash
from giornata.styles.universal.engine import UniversalEngine, UniversalOptions
from giornata.styles.universal.loader import universal_engine
from giornata.styles.universal.statistics import load_statistics

FORMAT = "giornata-transformer-2"
CLASSIC_FORMAT = "giornata-transformer-1"  # states width and blocks; the doublings are nearest


def read_header(path: Path) -> dict[str, str]:
    """The text fields of a weight file: format, shape (or width and blocks), style names as JSON."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (OSError, SafetensorError) as exc:
        raise WeightsMismatch(str(path), str(exc), "a readable safetensors file") from exc
    if header.get("format") not in (FORMAT, CLASSIC_FORMAT):
        raise WeightsMismatch(str(path), f"format {header.get('format')!r}", f"format {FORMAT!r}")
    return header


def shape_in(header: Mapping[str, str], path: Path) -> NetworkShape:
    """The network's shape that a header states. Raises `WeightsMismatch`."""
    try:
        if header["format"] == CLASSIC_FORMAT:
            return classic_shape(int(header["width"]), int(header["blocks"]))
        return NetworkShape.from_text(header["shape"])
    except (KeyError, TypeError, ValueError) as exc:
        raise WeightsMismatch(str(path), f"a header without {exc}", "the network's shape") from exc


def read_network(path: Path) -> tuple[TransformerNetwork, tuple[str, ...]]:
    """The network in a weight file and the names of its rows; float32, on the CPU."""
    header = read_header(path)
    names = tuple(json.loads(header["styles"]))
    network = TransformerNetwork(styles=len(names), shape=shape_in(header, path))
    try:
        network.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    except RuntimeError as exc:
        raise WeightsMismatch(str(path), str(exc).splitlines()[0], "the tensors its header promises") from exc
    return network.eval(), names


@lru_cache(maxsize=4)
def _cached_network(path: Path, sha256: str) -> tuple[TransformerNetwork, tuple[str, ...]]:
    # The hash is part of the key: a style installed anew is read anew.
    return read_network(path)


def shared_weights(library: Library, mix: Mapping[str, float]) -> LibraryEntry:
    """The one weight file that holds every style of `mix`. Raises `StyleError` if they lie in several."""
    shelves = found_styles(library, mix)
    if len({s.card.sha256 for s in shelves}) > 1:
        raise StyleError(f"mixing {', '.join(mix)}: got styles of different networks, needed styles of one")
    return shelves[0]


def found_styles(library: Library, mix: Mapping[str, float]) -> list[LibraryEntry]:
    """The library's entries for a mix, in its order. Raises `UnknownStyle`."""
    shelves = [library.find(name) for name in mix]
    if not shelves:
        raise UnknownStyle("(no style)", library.names)
    return shelves


def engine_of(library: Library, mix: Mapping[str, float]) -> EngineName:
    """The engine that paints a mix. Raises `UnknownStyle`, or `StyleError` when there are several."""
    engines = {shelved.card.engine for shelved in found_styles(library, mix)}
    if len(engines) > 1:
        raise StyleError(f"mixing {', '.join(mix)}: got styles of several engines, needed styles of one")
    return engines.pop()


def load_engine(
    library: Library,
    mix: Mapping[str, float],
    *,
    strength: float = 1.0,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    lanes: int = 1,
    options: UniversalOptions | None = None,
) -> Engine:
    """The engine for a weighted `mix` of styles at `strength` 0..1.

    `options` are for styles of the universal engine; what they leave out is what the cards say. Raises
    `UnknownStyle`, `WeightsMismatch`, or `StyleError` when the styles live in different networks.
    """
    if engine_of(library, mix) is EngineName.UNIVERSAL:
        return _universal(library, mix, strength, options, device=device, dtype=dtype, threads=lanes)
    return load_feedforward(library, mix, strength=strength, device=device, dtype=dtype, lanes=lanes)


def _universal(
    library: Library,
    mix: Mapping[str, float],
    strength: float,
    options: UniversalOptions | None,
    *,
    device: str,
    dtype: torch.dtype,
    threads: int,
) -> UniversalEngine:
    shelves, hashes = found_styles(library, mix), dict[Path, str]()
    for shelved in shelves:
        check_hash(shelved, hashes)
    styles = [load_statistics(shelved.weights_path) for shelved in shelves]
    chosen = options or card_options([shelved.card for shelved in shelves])
    return universal_engine(
        styles,
        tuple(mix.values()),
        options=replace(chosen, strength=strength),
        device=device,
        dtype=dtype,
        threads=threads,
    )


def card_options(cards: Sequence[StyleCard]) -> UniversalOptions:
    """What a mix of styles looks best with: the deepest levels and the most structure any card asks for."""
    usual = UniversalOptions()
    levels = [card.levels for card in cards if card.levels is not None]
    structure = [card.structure for card in cards if card.structure is not None]
    return replace(
        usual,
        levels=max(levels, default=usual.levels),
        structure=max(structure, default=usual.structure),
    )


def load_feedforward(
    library: Library,
    mix: Mapping[str, float],
    *,
    strength: float = 1.0,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    lanes: int = 1,
) -> FeedForwardEngine:
    """The feed-forward engine for a `mix` of its styles; raises as `load_engine` does."""
    shelved = shared_weights(library, mix)
    check_hash(shelved)
    network, names = _cached_network(shelved.weights_path, shelved.card.sha256)
    on_device = torch.device(device)
    if on_device.type != "cpu" or dtype != torch.float32:
        network = read_network(shelved.weights_path)[0]
    weights = style_weights(names, mix, strength)
    return FeedForwardEngine(network, weights, device=device, dtype=dtype, lanes=lanes)
