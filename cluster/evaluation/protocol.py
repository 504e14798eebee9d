"""The evaluation itself: every method on every photograph and painting, one reading after another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from giornata.cluster.evaluation.cost import Cost, measured
from giornata.cluster.evaluation.images import write_image
from giornata.cluster.evaluation.library_styles import StylePainter
from giornata.cluster.evaluation.methods import FLOORS, Method, Painter
from giornata.cluster.evaluation.subjects import Photo, StylePainting
from giornata.styles.evaluation.faults import seam_step
from giornata.styles.evaluation.metrics import Image, psnr_db
from giornata.styles.evaluation.yardstick import FeaturedImage, Values, Yardstick

IMAGES = "images"
MEGAPIXEL = 1e6


class Measurement(BaseModel):
    """One painted photograph, measured; `values` under the names of `MEASURES`, None for no meaning here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    photo: str
    painting: str
    unseen: bool
    values: dict[str, float | None]


@dataclass(frozen=True)
class EvaluationRun:
    """The work of an evaluation: `methods` x `paintings` x `photos`; painted images go below `folder`."""

    methods: Sequence[Method]
    photos: Sequence[Photo]
    paintings: Sequence[StylePainting]
    folder: Path

    @property
    def count(self) -> int:
        """Images to paint."""
        pairs = sum(method.covers(painting) for method in self.methods for painting in self.paintings)
        return pairs * len(self.photos)


def image_path(folder: Path, method: str, painting: str, photo: str) -> Path:
    """The path of a painted image."""
    return folder / IMAGES / method / painting / f"{photo}.png"


def evaluate(course: EvaluationRun, yardstick: Yardstick) -> Iterator[Measurement]:
    """Paint and measure, painting by painting, yielding every reading. Raises `StyleError`."""
    photos: dict[str, FeaturedImage] = {}
    for photo in course.photos:
        image = photo.read()
        photos[photo.name] = FeaturedImage(image, yardstick.features(image))
    first_of: set[str] = set()
    for painting in course.paintings:
        target = FeaturedImage(painting.image, yardstick.features(painting.image))
        for method in course.methods:
            painter = method.open(painting)
            if painter is None:
                continue
            thorough = method.name not in first_of
            first_of.add(method.name)
            for name, photo_seen in photos.items():
                output, values = _painted(method, painter, photo_seen.image, thorough=thorough)
                write_image(output, image_path(course.folder, method.name, painting.name, name))
                values |= yardstick.measure(photo_seen, target, output)
                yield Measurement(
                    method=method.name,
                    photo=name,
                    painting=painting.name,
                    unseen=painting.unseen,
                    values=values,
                )


def _painted(method: Method, painter: Painter, photo: Image, *, thorough: bool) -> tuple[Image, Values]:
    """The painted photograph and its cost; values that take a further image only when `thorough`."""
    output, cost = measured(lambda: painter(photo, method.strength))
    output = np.clip(output, 0, 1).astype(np.float32)
    values: Values = {} if method.name in FLOORS else _cost(cost, photo)
    if thorough and method.has_strength:
        values["psnr_0"] = psnr_db(photo, painter(photo, 0.0))
    if thorough and isinstance(painter, StylePainter):
        tiled = painter.tiled(photo, method.strength)
        values["seam_step"] = seam_step(output, tiled.image, rows=tiled.rows, columns=tiled.columns)
    return output, values


def _cost(cost: Cost, photo: Image) -> Values:
    pixels = photo.shape[0] * photo.shape[1]
    return {"cpu_s_per_mpx": cost.cpu_s / pixels * MEGAPIXEL, "peak_mb": cost.peak_mb}
