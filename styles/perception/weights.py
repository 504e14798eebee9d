"""Where encoder weights come from: a named file, torchvision's VGG-19, or the compact encoder that ships."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from giornata.atomic_file import atomic_write
from giornata.styles.errors import BadEncoder, BadOptions
from giornata.styles.perception.encoder import Encoder, Pooling, Preprocessing
from giornata.styles.perception.encoder_files import (
    AUTO,
    COMPACT_NAME,
    TORCHVISION_FILE,
    VGG19_NAME,
    encoder_file,
)
from giornata.styles.perception.vgg import COMPACT, VGG19, Architecture

log = logging.getLogger(__name__)
COMPACT_FORMAT = "giornata-encoder-1"
TORCHVISION_URL = f"https://download.pytorch.org/models/{TORCHVISION_FILE}"
TORCHVISION_MB = 548
# Files of the same keys that differ only in what they expect of pixels, by the start of their sha256.
KNOWN_PREPROCESSING = {"d01eb7cb": Preprocessing.CAFFE, "dcbb9e9d": Preprocessing.TORCHVISION}


@dataclass(frozen=True)
class EncoderChoice:
    """The requested encoder: `auto`, `compact`, `vgg19` or the path of a file.

    `auto` is the full VGG-19 where torchvision's file lies in its cache, otherwise the compact encoder:
    nothing is fetched unasked. `preprocessing` is for files that do not say what they expect.
    """

    name: str = AUTO
    pooling: Pooling | None = None
    preprocessing: Preprocessing | None = None


def load_encoder(choice: EncoderChoice) -> Encoder:
    """The chosen encoder, float32, on the CPU. Raises `BadEncoder`, or `BadOptions` for its pooling."""
    path = resolved(choice)
    encoder = _cached(path, path.stat().st_mtime_ns, choice.preprocessing)
    if encoder.architecture != VGG19 and choice.pooling is Pooling.MAXIMUM:
        raise BadOptions(
            f"pooling {choice.pooling}", f"{Pooling.AVERAGE}, which the compact encoder learnt with"
        )
    encoder.pooling = choice.pooling or Pooling.AVERAGE
    return encoder


def resolved(choice: EncoderChoice) -> Path:
    """The file behind a choice; fetches VGG-19 when that was asked for by name. Raises `BadEncoder`."""
    path = encoder_file(choice.name)
    if choice.name == VGG19_NAME and not path.is_file():
        return _fetched(path)
    if not path.is_file():
        needed = f"{AUTO}, {COMPACT_NAME}, {VGG19_NAME} or the path of a .safetensors or .pth file"
        raise BadEncoder(str(path), "no such file", needed)
    return path


def _fetched(target: Path) -> Path:
    log.warning("fetching VGG-19 (%d MB, BSD) from %s to %s", TORCHVISION_MB, TORCHVISION_URL, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = TORCHVISION_FILE.removesuffix(".pth").rpartition("-")[2]
    try:
        with atomic_write(target) as part:
            torch.hub.download_url_to_file(TORCHVISION_URL, str(part), hash_prefix=prefix, progress=False)
    except (OSError, RuntimeError) as exc:
        needed = f"a way to {TORCHVISION_URL}, a file, or the encoder {COMPACT_NAME}"
        raise BadEncoder(str(target), str(exc), needed) from exc
    return target


@lru_cache(maxsize=2)
def _cached(path: Path, stamp_ns: int, preprocessing: Preprocessing | None) -> Encoder:
    return read_encoder(path, preprocessing=preprocessing)


def read_encoder(path: Path, *, preprocessing: Preprocessing | None = None) -> Encoder:
    """Read a weight file: compact, VGG-19 by convolution names, or torchvision's. Raises `BadEncoder`."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    header, tensors = _read(path)
    is_compact = header.get("format") == COMPACT_FORMAT
    if is_compact:
        expects, architecture = Preprocessing.CENTRED, compact_architecture(path, tensors)
    else:
        tensors, expects = _by_name(path, tensors, sha256)
        architecture = VGG19
    used = checked(path, tensors, architecture)
    identity = f"{path.name}:{sha256[:16]}"
    return Encoder(architecture, used, preprocessing=preprocessing or expects, identity=identity).eval()


def compact_architecture(path: Path, tensors: Mapping[str, Tensor]) -> Architecture:
    """The compact network of the widths in a file; an earlier release had others. Raises `BadEncoder`."""
    first = [tensors.get(f"conv{block}_1.weight") for block in range(1, len(COMPACT.widths) + 1)]
    widths = tuple(weight.shape[0] for weight in first if weight is not None)
    if len(widths) != len(COMPACT.widths):
        raise BadEncoder(str(path), f"{len(widths)} blocks", f"{len(COMPACT.widths)}, as it was made with")
    return Architecture(widths=widths, depths=COMPACT.depths)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        if path.suffix in (".pth", ".pt"):
            state = torch.load(path, weights_only=True, map_location="cpu")
            if not isinstance(state, Mapping):
                raise BadEncoder(str(path), type(state).__name__, "a mapping of names to tensors")
            return {}, {key: value for key, value in state.items() if isinstance(value, Tensor)}
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        return header, load_file(path)
    except (OSError, SafetensorError, UnpicklingError, RuntimeError, EOFError) as exc:
        # torch's own words recommend to trust the file.
        reason = "no tensors" if isinstance(exc, UnpicklingError) else str(exc).splitlines()[0]
        raise BadEncoder(str(path), reason, "a readable .safetensors or .pth file of tensors") from exc


def _by_name(
    path: Path, tensors: Mapping[str, Tensor], sha256: str
) -> tuple[dict[str, Tensor], Preprocessing]:
    """Tensors under ``conv1_1.weight`` …, and what they expect: Caffe's names come with Caffe's pixels."""
    if "conv1_1.weight" in tensors:
        return dict(tensors), Preprocessing.CAFFE
    numbered = dict(zip(_torchvision_keys(), VGG19.convolutions(), strict=True))
    named = {
        f"conv{conv.key}.{part}": tensors[f"{key}.{part}"]
        for key, conv in numbered.items()
        for part in ("weight", "bias")
        if f"{key}.{part}" in tensors
    }
    if not named:
        first = ", ".join(list(tensors)[:3]) or "no tensors"
        raise BadEncoder(
            str(path), f"tensors {first} …", "conv1_1.weight … or features.0.weight … of a VGG-19"
        )
    return named, KNOWN_PREPROCESSING.get(sha256[:8], Preprocessing.TORCHVISION)


def _torchvision_keys() -> list[str]:
    """``features.0`` … in the order of our convolutions: every ReLU and pooling counts."""
    keys, index = [], 0
    for conv in VGG19.convolutions():
        index += 1 if conv.opens_block else 0
        keys.append(f"features.{index}")
        index += 2
    return keys


def checked(path: Path, tensors: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """The tensors an encoder uses, every shape right and every number finite. Raises `BadEncoder`."""
    used: dict[str, Tensor] = {}
    for conv in architecture.convolutions():
        if f"conv{conv.key}.weight" not in tensors:
            break
        shapes = {
            f"conv{conv.key}.weight": (conv.outputs, conv.inputs, 3, 3),
            f"conv{conv.key}.bias": (conv.outputs,),
            f"tap{conv.key}.weight": (conv.outputs, conv.outputs),
        }
        for key, shape in shapes.items():
            if key not in tensors and key.startswith("tap"):
                continue
            used[key] = _sound(path, key, tensors.get(key), shape)
    if not used:
        raise BadEncoder(str(path), "no conv1_1.weight", "the convolutions from the first on")
    return used


def _sound(path: Path, key: str, tensor: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    if tensor is None or tuple(tensor.shape) != shape:
        actual = "nothing" if tensor is None else "×".join(map(str, tensor.shape))
        raise BadEncoder(str(path), f"{key} of {actual}", f"{key} of {'×'.join(map(str, shape))}")
    if not torch.isfinite(tensor).all():
        raise BadEncoder(str(path), f"{key} with NaN or infinite values", "finite numbers")
    return tensor
