"""A tiny set of photographs and paintings, with judging networks and teachers drawn by seed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image as Pillow
from safetensors.torch import save_file
from skimage import data

from giornata.styles.evaluation.trunks import TrunkName
from tests.styles.evaluation.random_trunks import random_trunk

torch.set_num_threads(1)
WIDTHS = {"1": 4, "2": 5, "3": 6, "4": 7, "5": 8}
LAYERS = ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51")


@dataclass(frozen=True)
class TinySet:
    """Folders of what an evaluation needs."""

    photos: Path
    paintings: Path
    lpips: Path
    teachers: Path


def tiny_set(root: Path) -> TinySet:
    """Two photographs of other shapes, the paintings of two shipped styles and one that is held out."""
    made = TinySet(*(root / name for name in ("photos", "paintings", "lpips", "teachers")))
    for folder in (made.photos, made.paintings, made.lpips):
        folder.mkdir()
    _write(data.astronaut(), made.photos / "ollie_desktop.png", (112, 96))
    _write(data.chelsea(), made.photos / "wp17_header.png", (96, 101))
    _write(data.coffee(), made.paintings / "hokusai_great_wave.jpg", (120, 96))
    _write(data.rocket(), made.paintings / "munch_the_scream.jpg", (96, 128))
    _write(data.immunohistochemistry(), made.paintings / "vangogh_sunflowers.jpg", (96, 96))
    for name in TrunkName:
        save_file(random_trunk(name), made.lpips / f"{name}.safetensors")
    write_teachers(made.teachers)
    return made


def _write(samples: object, path: Path, size: tuple[int, int]) -> None:
    Pillow.fromarray(samples[:, :, :3]).resize(size).save(path)  # type: ignore[index]


def write_teachers(folder: Path) -> None:
    """Weights of the teachers' shapes, narrow and drawn by seed."""
    generator = torch.Generator().manual_seed(7)

    def conv(outputs: int, inputs: int, kernel: int, groups: int = 1) -> dict[str, torch.Tensor]:
        scale = (2 / (kernel**2 * inputs / groups)) ** 0.5
        weight = scale * torch.randn(outputs, inputs // groups, kernel, kernel, generator=generator)
        return {"weight": weight, "bias": 0.1 * torch.randn(outputs, generator=generator)}

    _write_wct(folder / "universal_16x", conv)
    _write_microast(folder / "microast", conv)


Conv = Callable[..., dict[str, torch.Tensor]]


def _save(path: Path, layers: dict[str, dict[str, torch.Tensor]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({f"{name}.{part}": value for name, one in layers.items() for part, value in one.items()}, path)


def _write_wct(folder: Path, conv: Conv) -> None:
    for level in range(1, 6):
        layers = [layer for layer in LAYERS if layer <= f"{level}1"]
        widths = [WIDTHS[layer[0]] for layer in layers]
        inputs = [3, *widths[:-1]]
        encoder = {"conv0": conv(3, 3, 1)}
        for layer, before, width in zip(layers, inputs, widths, strict=True):
            encoder[f"conv{layer}"] = conv(width, before, 3)
        decoder = {
            f"conv{layer}": conv(before, width, 3)
            for layer, before, width in zip(layers, inputs, widths, strict=True)
        }
        _save(folder / f"{level}SE.safetensors", encoder)
        _save(folder / f"{level}SD.safetensors", decoder)


def _write_microast(folder: Path, conv: Conv) -> None:
    def residual(key: str) -> dict[str, dict[str, torch.Tensor]]:
        return {f"{key}.conv{n}.conv_layer": conv(64, 64, 3) for n in (1, 2)}

    def encoder() -> dict[str, dict[str, torch.Tensor]]:
        shapes = {
            0: (16, 3, 9, 1),
            2: (32, 16, 3, 16),
            4: (32, 32, 1, 1),
            6: (64, 32, 3, 32),
            8: (64, 64, 1, 1),
        }
        plain = {f"enc1.{number}.conv_layer": conv(*shape) for number, shape in shapes.items()}
        return plain | residual("enc1.10") | residual("enc2.0")

    shapes = {1: (32, 64, 3, 32), 3: (32, 32, 1, 1), 6: (16, 32, 3, 16), 8: (16, 16, 1, 1), 10: (3, 16, 9, 1)}
    decoder = residual("dec1") | residual("dec2")
    decoder |= {f"dec3.{number}.conv_layer": conv(*shape) for number, shape in shapes.items()}
    signals = ("weight1", "bias1", "weight2", "bias2")
    modulator = {f"{name}.0.conv_layer": conv(64, 64, 3, 64) for name in signals}
    parts = {
        "content_encoder": encoder(),
        "style_encoder": encoder(),
        "decoder": decoder,
        "modulator": modulator,
    }
    for name, layers in parts.items():
        _save(folder / f"{name}_iter_160000.safetensors", layers)
