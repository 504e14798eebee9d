"""Contact sheets of styles: `giornata styles preview`, `ls --sheet` and `grid`.

Without pictures of your own, `grid` takes scikit-image's photographs as contents, and others of them, painted
in styles of the library, as style pictures: all of it may be shown anywhere.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import skimage.data
import torch
from PIL import Image

from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.batch.single_image import render_and_publish, settings_here
from giornata.cluster.cli.own_styles import SAMPLE
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskOptimise
from giornata.jobs.spec.enums import EngineKind, PictureFormat
from giornata.jobs.spec.style import OptimizationSpec, StyleImage
from giornata.workers.device import keep_freed_memory
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.sheets.contact_sheet import contact_sheet

CONTENTS = ("chelsea", "astronaut", "rocket")
# The photograph that styles of the library paint: without edges and surfaces there is no brushwork to learn.
PAINTED = dict.fromkeys(("great-wave", "la-calanque", "metzinger", "starry-night"), "coffee")
LARGER = 2  # than its middle, which is shown and used
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
BETAS = (2.0, 10.0, 50.0, 250.0)
GRID, SWEEP = "grid.jpg", "layers.jpg"


@dataclass(frozen=True)
class GridOptions:
    """Pictures of `side_px` at most, made in `steps` steps at the smallest scale."""

    side_px: int = 256
    steps: int = 100
    encoder: str = "compact"
    cell_px: int = 192


def grid(
    out: Path, options: GridOptions, *, contents: Sequence[Path] = (), styles: Sequence[Path] = ()
) -> tuple[Path, Path]:
    """Write both sheets into `out`: contents by styles, and style layers by β; their paths.

    Says on standard error how many pictures there will be, and each when it is there.
    """
    out.mkdir(parents=True, exist_ok=True)
    pairs = (len(contents) or len(CONTENTS)) * (len(styles) or len(PAINTED))
    sys.stderr.write(f"{pairs} pairs and {len(LAYERS) * len(BETAS)} settings of one pair\n")
    with tempfile.TemporaryDirectory(prefix="giornata-grid-") as folder:
        place = Path(folder)
        contents = contents or sample_contents(place, options)
        styles = styles or painted_styles(place, options)
        return (
            _pairs(out / GRID, place, options, contents, styles),
            _sweep(out / SWEEP, place, options, contents[0], styles[0]),
        )


def sample_contents(place: Path, options: GridOptions) -> tuple[Path, ...]:
    """scikit-image's photographs."""
    return tuple(_sample(place, name, options.side_px) for name in CONTENTS)


def painted_styles(place: Path, options: GridOptions) -> tuple[Path, ...]:
    """The middles of photographs that styles of the library have painted, so that brushwork has its size."""
    paths = []
    for style, photo in PAINTED.items():
        target, large = place / f"{style}.png", place / f"{style}-large.png"
        render_and_publish(_task(_sample(place, photo, LARGER * options.side_px), large, style), force=True)
        with Image.open(large) as picture:
            left, top = ((length - options.side_px) // 2 for length in picture.size)
            picture.crop((left, top, left + options.side_px, top + options.side_px)).save(target)
        paths.append(target)
    return tuple(paths)


def _sample(place: Path, name: str, side_px: int) -> Path:
    """A photograph, no side above `side_px`."""
    path = place / f"photo-{name}-{side_px}.png"
    picture = Image.fromarray(getattr(skimage.data, name)()[:, :, :3])
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    picture.save(path)
    return path


def _pairs(
    target: Path, place: Path, options: GridOptions, contents: Sequence[Path], styles: Sequence[Path]
) -> Path:
    """A row of styles, then a row for each content."""
    entries: list[tuple[Path | None, str]] = [(None, ""), *((style, style.stem) for style in styles)]
    for content in contents:
        entries.append((content, caption_of(content)))
        for style in styles:
            path = place / f"{content.stem}-{style.stem}.png"
            entries.append((_optimised(content, style, path, options, OptimizationSpec()), ""))
    return contact_sheet(entries, target, columns=1 + len(styles), cell_px=options.cell_px)


def caption_of(content: Path) -> str:
    """The name of a photograph."""
    name = content.stem
    return name.split("-")[1] if name.startswith("photo-") else name


def _sweep(target: Path, place: Path, options: GridOptions, content: Path, style: Path) -> Path:
    """As figure 3 of Gatys, Ecker and Bethge 2016: more layers downwards, more style to the right."""
    entries: list[tuple[Path | None, str]] = []
    for last in range(1, len(LAYERS) + 1):
        for beta in BETAS:
            choice = OptimizationSpec(style_layers=dict.fromkeys(LAYERS[:last], 1.0), beta=beta)
            path = _optimised(content, style, place / f"sweep-{last}-{beta:g}.png", options, choice)
            upto = LAYERS[0] if last == 1 else f"to {LAYERS[last - 1]}"
            entries.append((path, f"{upto}, beta {beta:g}"))
    return contact_sheet(entries, target, columns=len(BETAS), cell_px=options.cell_px)


def _optimised(
    content: Path, style: Path, target: Path, options: GridOptions, choice: OptimizationSpec
) -> Path:
    optimisation = TaskOptimise(
        images=(StyleImage(path=str(style.absolute())),),
        encoder=options.encoder,
        steps=options.steps,
        choice=choice,
    )
    task = _task(content, target, style.stem)
    changed = {"engine": EngineKind.OPTIMIZATION, "mix": {}, "optimise": optimisation, "size": None}
    render_and_publish(task.model_copy(update=changed), force=True)
    sys.stderr.write(f"{target.stem} is there\n")
    return target


def _task(source: Path, target: Path, style: str) -> RenderTask:
    return RenderTask(
        item_id=item_id_of(target),
        source=str(source.absolute()),
        target=str(target),
        style_label=style,
        mix={style: 1.0},
        format=PictureFormat.PNG,
        sidecar=False,
    )


WORKED_ON = 2.0  # how much larger than its cell a picture is styled, so that strokes are as in larger ones


def preview(photo: Path | None, target: Path, *, strength: float, columns: int, cell_px: int) -> Path:
    """Render `photo`, or a sample, in every style of the library; lay the results out on `target`.

    By artist, so that one hand's pictures lie side by side.
    """
    library, styles = user_library(), InstalledStyles(user_library())
    cards = sorted(
        (entry.card for entry in library.styles.values()), key=lambda card: (card.artwork.artist, card.name)
    )
    keep_freed_memory()
    torch.set_num_threads(1)  # blocks on lanes scale better than threads inside one convolution
    renderer = Renderer(settings_here())
    try:
        with tempfile.TemporaryDirectory(prefix="giornata-preview-") as folder:
            small = Path(folder) / "photo.jpg"
            renderer.context.sandbox.thumbnail(photo or SAMPLE, small, side_px=round(WORKED_ON * cell_px))
            entries = []
            for card in cards:
                place = Path(folder) / f"{card.name}.png"
                task = RenderTask(
                    item_id=item_id_of(place),
                    source=str(small),
                    target=str(place),
                    style_label=card.name,
                    engine=next(iter(styles.engines({card.name: 1.0}))),
                    mix={card.name: 1.0},
                    strength=strength,
                    format=PictureFormat.PNG,
                    size=cell_px,
                    sidecar=False,
                )
                renderer.render(task, place)
                entries.append((place, f"{card.name}, {card.artwork.artist}"))
            return contact_sheet(entries, target, columns=columns, cell_px=cell_px)
    finally:
        renderer.close()
