"""What a styled picture takes on this machine, for estimates: by its pixels, and by its steps."""

from collections.abc import Callable
from functools import cache

from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.estimate import Size
from giornata.jobs.spec.enums import EngineKind
from giornata.styles.perception.encoder_files import SHIPPED, encoder_file

# What one CPU core of a common server styles, halo included, by `giornata bench batch`.
MEGAPIXELS_PER_S_PER_CORE = 0.2
UNIVERSAL_MEGAPIXELS_PER_S_PER_CORE = 0.4  # of four levels, and of an image's style as of one by name
# And what a pixel takes it in a step, by `giornata bench optimize`; VGG-19 by `giornata bench encoders`.
STEP_S_PER_MEGAPIXEL = 8.0
VGG19_TIMES_SLOWER = 4.2


def cost_on(cpus: int) -> Callable[[RenderTask, Size], float]:
    """Seconds that `cpus` cores take to style a picture of a size."""

    def seconds(task: RenderTask, size: Size) -> float:
        if task.optimise is not None:
            return STEP_S_PER_MEGAPIXEL / cpus * _megapixel_steps(task, size) * _slower(task.optimise.encoder)
        is_universal = task.engine is EngineKind.UNIVERSAL
        rate = UNIVERSAL_MEGAPIXELS_PER_S_PER_CORE if is_universal else MEGAPIXELS_PER_S_PER_CORE
        return size.width * size.height / 1e6 / (rate * cpus)

    return seconds


def _megapixel_steps(task: RenderTask, size: Size) -> float:
    # The engine's own words come with torch: only whoever needs them waits for it.
    from giornata.styles.optimization.options import scales_of
    from giornata.styles.perception.vgg import COMPACT, VGG19
    from giornata.workers.optimization.scale import LEAST_CELLS
    from giornata.workers.optimization.setup import options_of

    options = options_of(task)
    architecture = COMPACT if encoder_file(task.optimise.encoder) == SHIPPED else VGG19  # type: ignore[union-attr]
    least_px = LEAST_CELLS * architecture.common_stride(options.layers)
    scales = scales_of(size.width, size.height, options, least_px=least_px)
    return sum(scale.width * scale.height * scale.steps for scale in scales) / 1e6


@cache
def _slower(encoder: str) -> float:
    return 1.0 if encoder_file(encoder) == SHIPPED else VGG19_TIMES_SLOWER
