"""The decoded picture on scratch: working sRGB samples as plain numpy files, opened as memory maps."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from giornata.workers.source import Depth, ProfileUse, SourceFacts, WorkingFile


class DecodedImage(BaseModel):
    """Paths and facts of a decoded picture. Upright, working sRGB, in the source's own depth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pixels_path: Path
    alpha_path: Path | None
    profile_path: Path | None  # the source's ICC profile, unless it was unusable
    exif_path: Path | None = None
    xmp_path: Path | None = None
    iptc_path: Path | None = None
    width: int
    height: int
    depth: Depth
    facts: SourceFacts

    @classmethod
    def in_folder(cls, folder: Path, *, facts: SourceFacts) -> "DecodedImage":
        """The picture that decoding a source with these `facts` left in `folder`."""
        has_profile = facts.profile in (ProfileUse.SRGB, ProfileUse.CONVERT)
        return cls(
            pixels_path=folder / WorkingFile.PIXELS,
            alpha_path=folder / WorkingFile.ALPHA if facts.has_alpha else None,
            profile_path=folder / WorkingFile.PROFILE if has_profile else None,
            exif_path=folder / WorkingFile.EXIF if facts.exif_bytes else None,
            xmp_path=folder / WorkingFile.XMP if facts.xmp_bytes else None,
            iptc_path=folder / WorkingFile.IPTC if facts.iptc_bytes else None,
            width=facts.width,
            height=facts.height,
            depth=facts.depth,
            facts=facts,
        )

    @property
    def files(self) -> dict[str, Path]:
        """Paths of the picture's files, under the names that `moved` expects."""
        paths = {WorkingFile.PIXELS: self.pixels_path, WorkingFile.ALPHA: self.alpha_path}
        paths |= {WorkingFile.PROFILE: self.profile_path, WorkingFile.EXIF: self.exif_path}
        paths |= {WorkingFile.XMP: self.xmp_path, WorkingFile.IPTC: self.iptc_path}
        return {name.value: path for name, path in paths.items() if path is not None}

    def moved(self, folder: Path) -> "DecodedImage":
        """The same picture, all of its `files` in `folder`."""
        picture = self.in_folder(folder, facts=self.facts)
        paths = {
            name: getattr(picture, name)
            for name in ("pixels_path", "alpha_path", "profile_path", "exif_path", "xmp_path", "iptc_path")
            if getattr(self, name) is not None
        }
        return self.model_copy(update=paths)

    @property
    def pixels(self) -> npt.NDArray[Any]:
        """uint8 or uint16, H x W x 3, working sRGB; a read-only memory map."""
        return np.load(self.pixels_path, mmap_mode="r")

    @property
    def alpha(self) -> npt.NDArray[Any] | None:
        """uint8 or uint16, H x W, unassociated; a read-only memory map, or None."""
        return None if self.alpha_path is None else np.load(self.alpha_path, mmap_mode="r")
