"""Training pictures: photographs held small in memory, cut into random crops; paintings at stroke size."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from giornata.styles.errors import MissingPictures

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
PHOTO_SHORT_SIDE_PX = 640  # two and a half crops: enough for near and far views, small enough for memory


def read_picture(path: Path, short_side_px: int) -> Tensor:
    """Read one 8-bit training picture, reduced to `short_side_px`: uint8, 3 x H x W, on the CPU."""
    with Image.open(path) as image:
        image.draft("RGB", (2 * short_side_px, 2 * short_side_px))
        rgb = image.convert("RGB")
        factor = short_side_px / min(rgb.size)
        if factor < 1:
            size = (round(rgb.width * factor), round(rgb.height * factor))
            rgb = rgb.resize(size, Image.Resampling.LANCZOS)
        return torch.from_numpy(np.asarray(rgb).copy()).permute(2, 0, 1).contiguous()


def to_unit(pixels: Tensor) -> Tensor:
    """uint8 0..255 -> float32 0..1."""
    return pixels.float() / 255


def pictures_in(folders: Iterable[Path], *, without: Iterable[str] = ()) -> tuple[Path, ...]:
    """Picture files below `folders`, sorted, less those whose stems are in `without`."""
    left_out = frozenset(without)
    paths = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in SUFFIXES)
    return tuple(path for path in paths if path.stem not in left_out)


class PhotoCrops:
    """An endless, seeded source of photograph crops."""

    def __init__(self, folders: Iterable[Path], *, crop_px: int) -> None:
        folders = tuple(folders)
        self._read(pictures_in(folders), crop_px, ", ".join(str(f) for f in folders) or "no folder")

    @classmethod
    def of_files(cls, paths: Iterable[Path], *, crop_px: int) -> "PhotoCrops":
        """Crops of the named pictures."""
        crops = cls.__new__(cls)
        crops._read(tuple(paths), crop_px, "the given files")
        return crops

    def _read(self, paths: Iterable[Path], crop_px: int, source: str) -> None:
        photos = [read_picture(path, PHOTO_SHORT_SIDE_PX) for path in paths]
        self.photos = [photo for photo in photos if min(photo.shape[1:]) >= crop_px]
        self.crop_px = crop_px
        if not self.photos:
            needed = f"at least one photograph of {crop_px} px or more"
            raise MissingPictures(source, needed)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` random crops: float32, count x 3 x crop x crop, 0..1."""
        return torch.stack([self._one(generator) for _ in range(count)])

    def _one(self, generator: torch.Generator) -> Tensor:
        photo = self.photos[int(torch.randint(len(self.photos), (), generator=generator))]
        height, width = photo.shape[1:]
        # Near and far views alike: the crop covers between its own size and the whole short side.
        reach = torch.rand((), generator=generator).item()
        side = int(self.crop_px + reach * (min(height, width) - self.crop_px))
        top = int(torch.randint(height - side + 1, (), generator=generator))
        left = int(torch.randint(width - side + 1, (), generator=generator))
        crop = to_unit(photo[:, top : top + side, left : left + side])[None]
        if side != self.crop_px:
            crop = torch.nn.functional.interpolate(
                crop, size=(self.crop_px, self.crop_px), mode="bilinear", antialias=True
            )
        if torch.rand((), generator=generator) < 0.5:
            crop = crop.flip(3)
        return crop[0]
