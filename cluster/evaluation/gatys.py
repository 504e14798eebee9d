"""The optimisation engine on arrays, as one more method to compare with."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from giornata.styles.evaluation.metrics import Image
from giornata.styles.optimization.options import GatysOptions, scales_of
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.workers.optimization.runner import optimize
from giornata.workers.optimization.scale import LEAST_CELLS, USUAL_CORE_PX, Optimization, StyleSource

MEMORY_BYTES = 4 << 30


def gatys_painter(
    steps: int, *, encoder: str, threads: int
) -> Callable[[Image], Callable[[Image, float], Image]]:
    """A factory from a painting to its painter: `steps` at the smallest scale, the engine's own defaults.

    `encoder` is `compact`, `vgg19` or a weight file; less strength is less β, as in the product.
    """

    def factory(painting: Image) -> Callable[[Image, float], Image]:
        def paint(photo: Image, strength: float) -> Image:
            options = GatysOptions(steps=steps)
            options = options.model_copy(update={"beta": options.beta * strength})
            with tempfile.TemporaryDirectory(prefix="giornata-evaluate-") as place:
                work = _work(Path(place), photo, painting, options, encoder)
                for _ in optimize(work, lanes=threads):
                    pass
                return np.clip(work.finished_picture(len(work.scales) - 1), 0, 1).astype(np.float32)

        return paint

    return factory


def _work(folder: Path, photo: Image, painting: Image, options: GatysOptions, encoder: str) -> Optimization:
    content, style = folder / "content.npy", folder / "style.npy"
    np.save(content, photo)
    np.save(style, painting)
    stride = load_encoder(EncoderChoice(encoder)).architecture.common_stride(options.layers)
    height, width = photo.shape[:2]
    return Optimization(
        folder=folder,
        content_path=content,
        styles=(StyleSource(name="painting", pixels_path=style),),
        options=options,
        scales=scales_of(width, height, options, least_px=LEAST_CELLS * stride),
        core_px=USUAL_CORE_PX,
        usual_cores=True,
        encoder=encoder,
        memory_bytes=MEMORY_BYTES,
    )
