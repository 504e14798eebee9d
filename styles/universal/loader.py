"""From files to an engine: the network, checked and read once a process, and the statistics of styles."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from giornata.atomic_file import atomic_write
from giornata.styles.errors import WeightsMismatch
from giornata.styles.universal.engine import UniversalEngine, UniversalOptions
from giornata.styles.universal.network import FIRST, SECOND, UniversalNetwork
from giornata.styles.universal.network_files import FOLDER, SHIPPED_CARD, load_network_card
from giornata.styles.universal.statistics import StyleStatistics

SHAPES = {shape.format: shape for shape in (FIRST, SECOND)}


def save_network(network: UniversalNetwork, path: Path) -> str:
    """Write a network as float16; returns the file's SHA-256."""
    tensors = {key: value.to(torch.float16).contiguous() for key, value in network.state_dict().items()}
    with atomic_write(path) as part:
        save_file(tensors, part, metadata={"format": network.shape.format})
        part.chmod(0o644)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def encoder_hash(network: UniversalNetwork) -> str:
    """SHA-256 of the encoder's numbers as float16: what statistics are tied to."""
    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        if key.startswith(("openings.", "encoders.")):
            digest.update(key.encode() + value.to(torch.float16).cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_network(path: Path) -> UniversalNetwork:
    """The network in a weight file; float32, on the CPU. Raises `WeightsMismatch`."""
    try:
        with safe_open(path, framework="pt") as file:
            form = (file.metadata() or {}).get("format", "")
        if form not in SHAPES:
            raise WeightsMismatch(str(path), f"format {form!r}", f"format {' or '.join(map(repr, SHAPES))}")
        network = UniversalNetwork(SHAPES[form])
        network.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    except (OSError, SafetensorError) as exc:
        raise WeightsMismatch(str(path), str(exc), "a readable safetensors file") from exc
    except RuntimeError as exc:
        raise WeightsMismatch(str(path), str(exc).splitlines()[0], "the tensors of its format") from exc
    return network.eval().requires_grad_(False)


def shipped_network(*, own: bool = False) -> tuple[UniversalNetwork, str]:
    """The network that ships and its encoder's hash; with `own`, a copy that may be moved to a device."""
    card = load_network_card(SHIPPED_CARD)
    network = _checked(FOLDER / card.weights, card.sha256)
    return (read_network(FOLDER / card.weights) if own else network), card.encoder


@lru_cache(maxsize=1)
def _checked(path: Path, sha256: str) -> UniversalNetwork:
    if not path.is_file():
        raise WeightsMismatch(str(path), "no such file", f"sha256 {sha256}")
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if actual != sha256:
        raise WeightsMismatch(str(path), f"sha256 {actual}", f"sha256 {sha256}")
    return read_network(path)


def universal_engine(
    styles: Sequence[StyleStatistics],
    shares: Sequence[float],
    *,
    options: UniversalOptions | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    threads: int = 1,
) -> UniversalEngine:
    """The engine of the network that ships for styles by `shares`, which need not sum to one.

    Raises `BadStatistics` for statistics of another network.
    """
    elsewhere = torch.device(device).type != "cpu" or dtype != torch.float32
    network, encoder = shipped_network(own=elsewhere)
    return UniversalEngine(
        network,
        styles,
        shares,
        identity=encoder,
        options=options,
        device=device,
        dtype=dtype,
        threads=threads,
    )
