"""From a task to the engine that paints it: styles by name from the library, images by what was learnt."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskUniversal
from giornata.jobs.spec.enums import DeviceChoice, EngineKind, Precision
from giornata.styles.engine import Engine
from giornata.styles.library import EngineName, Library
from giornata.styles.loader import card_options, engine_of, load_engine
from giornata.styles.universal.engine import UniversalOptions
from giornata.styles.universal.loader import universal_engine
from giornata.styles.universal.network_files import load_network_card
from giornata.styles.universal.transform import TransformKind
from giornata.workers.device import pick_device
from giornata.workers.effects.brush_sizes import engine_stroke_px
from giornata.workers.errors import EffectRefused
from giornata.workers.optimization.setup import NullEngine
from giornata.workers.rendering.provenance import StyleImageRecord, UniversalRecord, file_name
from giornata.workers.rendering.style_images import StyleImages, image_sha256

TYPES = {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16}


@dataclass(frozen=True)
class Engines:
    """Makes engines in one process, on as many `lanes` as it has; belongs to one thread."""

    library: Library
    images: StyleImages
    lanes: int = 1
    _strokes: dict[str, float] = field(default_factory=dict)

    def engine(self, task: RenderTask) -> Engine:
        """The engine that `task` asks for, on the device it asks for.

        Raises `UnknownStyle`, `WeightsMismatch`, `BadStylePicture`, `EffectRefused` for a style of another
        network, and what decoding an image raises.
        """
        if task.engine is EngineKind.OPTIMIZATION:
            return NullEngine()
        device, dtype = pick_device(task.device), TYPES[task.precision]
        universal = images_of(task)
        if universal is not None:
            return universal_engine(
                self.images.statistics(universal),
                [image.share for image in universal.images],
                options=replace(self._options(task), strength=task.strength),
                device=device,
                dtype=dtype,
                threads=self.lanes,
            )
        self._check_networks(task)
        return load_engine(
            self.library,
            task.mix,
            strength=task.strength,
            device=device,
            dtype=dtype,
            lanes=self.lanes,
            options=self._options(task) if self.is_universal(task) else None,
        )

    def _check_networks(self, task: RenderTask) -> None:
        for name in task.mix:
            network = self.library.find(name).card.network
            if network is not None and network != load_network_card().encoder:
                actual, needed = (
                    f"style {name}, learnt by another network",
                    f"giornata styles add --name {name} --force",
                )
                raise EffectRefused("styling", actual, needed)

    def is_universal(self, task: RenderTask) -> bool:
        """Whether the universal engine paints a task's own style. Raises `UnknownStyle`, `StyleError`."""
        if images_of(task) is not None:
            return True
        return bool(task.mix) and engine_of(self.library, task.mix) is EngineName.UNIVERSAL

    def native_stroke_px(self, task: RenderTask) -> float:
        """The stroke that the style of a task paints at scale one, px; measured once, on the CPU.

        Rounded to a tenth, so that the last bits of another machine's arithmetic make no other picture.
        """
        universal = images_of(task)
        versions = [self.library.find(name).card.version for name in sorted(task.mix)]
        keys = universal and self.images.keys(universal)
        key = repr((sorted(task.mix.items()), versions, task.universal, keys))
        if key not in self._strokes:
            plain = {"device": DeviceChoice.CPU, "precision": Precision.FP32, "strength": 1.0}
            self._strokes[key] = round(engine_stroke_px(self.engine(task.model_copy(update=plain))), 1)
        return self._strokes[key]

    def record(self, task: RenderTask) -> UniversalRecord | None:
        """The record of what the universal engine worked with; None for another engine."""
        if task.engine is EngineKind.OPTIMIZATION or not self.is_universal(task):
            return None
        options, universal = self._options(task), images_of(task)
        images = universal.images if universal else ()
        return UniversalRecord(
            network_sha256=load_network_card().sha256,
            images=tuple(
                StyleImageRecord(
                    name=file_name(image.path), sha256=image_sha256(Path(image.path)), share=share
                )
                for image, share in zip(images, shares_of(universal), strict=True)
            ),
            size_px=universal.size_px if universal else None,
            levels=options.levels,
            structure=options.structure,
            transform=options.transform.value,
        )

    def _options(self, task: RenderTask) -> UniversalOptions:
        """The options of the task, or else of the cards of its styles."""
        usual = card_options([self.library.find(name).card for name in task.mix])
        universal = task.universal or TaskUniversal()
        given: dict[str, Any] = {"levels": universal.levels, "structure": universal.structure}
        if universal.transform is not None:
            given["transform"] = TransformKind(universal.transform.value)
        return replace(usual, **{name: value for name, value in given.items() if value is not None})


def images_of(task: RenderTask) -> TaskUniversal | None:
    """The style images of a task that has no style by name; a region's style has a name of its own."""
    return task.universal if task.universal and task.universal.images and not task.mix else None


def shares_of(universal: TaskUniversal | None) -> tuple[float, ...]:
    """The shares of images, which sum to one."""
    images = universal.images if universal else ()
    total = sum(image.share for image in images)
    return tuple(round(image.share / total, 6) for image in images)
