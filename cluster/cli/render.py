"""`giornata render`: one picture in this process, no Ray."""

import json
import os
import secrets
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.style_flags import AUTO, StyleFlags, style_fields
from giornata.cluster.optimising import work_words
from giornata.cluster.settings import Machine, home_folder
from giornata.jobs.errors import TargetTaken
from giornata.jobs.maintenance.gc import PICTURES
from giornata.jobs.model.paths import attempt_name, item_id_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import (
    DeviceChoice,
    EngineKind,
    GrowthKind,
    OptimiserKind,
    PictureFormat,
    Precision,
    StartKind,
    Statistics,
    TransformKind,
    resolve_format,
)
from giornata.jobs.storage.local import discard, publish
from giornata.workers.device import keep_freed_memory
from giornata.workers.optimization.runner import OptimisationProgress
from giornata.workers.rendering.prepared import Rendered
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
MEMORY_BYTES = 4 << 30  # one picture has the machine to itself


def check_target(source: Path, target: Path, *, force: bool) -> None:
    """Refuse to write over the source, or over any file unless `force`."""
    if target.exists() and source.exists() and target.samefile(source):
        raise CommandRefused(f"writing {target}: it is the source; needed another name", Exit.REJECTED)
    if target.exists() and not force:
        raise CommandRefused(
            f"writing {target}: the file exists; needed --force to replace it", Exit.REJECTED
        )


@app.command()
def render(
    source: Annotated[Path, typer.Argument(help="the picture to style")],
    output: Annotated[Path, typer.Option("-o", "--output", help="where the result goes")],
    style: Annotated[str, typer.Option(help="NAME, or NAME=SHARE,NAME=SHARE for a mix")] = "",
    style_image: Annotated[
        list[str] | None,
        typer.Option(help="PICTURE to take the style from, or PICTURE=SHARE; may be given several times"),
    ] = None,
    levels: Annotated[
        int | None, typer.Option(min=1, max=5, help="how deep a style goes: 1 colours, 5 composition")
    ] = None,
    structure: Annotated[
        float | None, typer.Option(min=0, max=1, help="how much of the picture's own structure stays")
    ] = None,
    transform: Annotated[TransformKind | None, typer.Option(help="of the universal engine")] = None,
    style_size: Annotated[
        int | None, typer.Option(min=64, max=4096, help="px of a style picture's short side; 768 if left out")
    ] = None,
    strength: Annotated[float, typer.Option(min=0, max=1, help="1 the style, 0 the picture itself")] = 1.0,
    blend: Annotated[float, typer.Option(min=0, max=1, help="pixel blend of result and picture")] = 1.0,
    tile: Annotated[int | None, typer.Option(min=64, max=2048, help="core side in px")] = None,
    overlap: Annotated[int, typer.Option(min=0, max=512, help="px that two tiles share and blend")] = 64,
    statistics: Annotated[Statistics, typer.Option()] = Statistics.EXACT,
    reference: Annotated[Path | None, typer.Option(help="picture to take statistics from")] = None,
    precision: Annotated[Precision, typer.Option()] = Precision.FP32,
    device: Annotated[DeviceChoice, typer.Option()] = DeviceChoice.AUTO,
    engine: Annotated[EngineKind | None, typer.Option(help="by the style if left out")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="at the smallest scale")] = None,
    alpha: Annotated[float | None, typer.Option(min=0, help="weight of the content")] = None,
    beta: Annotated[float | None, typer.Option(min=0, help="weight of the style")] = None,
    tv: Annotated[float | None, typer.Option(min=0, help="weight of smoothness")] = None,
    encoder: Annotated[str, typer.Option(help="auto, compact, vgg19 or a weight file")] = AUTO,
    optimiser: Annotated[OptimiserKind | None, typer.Option()] = None,
    start: Annotated[StartKind | None, typer.Option()] = None,
    growth: Annotated[GrowthKind | None, typer.Option(help="how sizes grow from scale to scale")] = None,
    format_: Annotated[PictureFormat | None, typer.Option("--format", help="by name if left out")] = None,
    quality: Annotated[int, typer.Option(min=1, max=100)] = 92,
    force: Annotated[bool, typer.Option("--force", help="replace an existing output")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Style one picture. The output has the size of the source."""
    flags = StyleFlags(
        style=style,
        images=tuple(style_image or ()),
        engine=engine,
        levels=levels,
        structure=structure,
        transform=transform,
        size_px=style_size,
        steps=steps,
        encoder=encoder,
        optimise={
            "alpha": alpha,
            "beta": beta,
            "tv": tv,
            "optimiser": optimiser,
            "start": start,
            "growth": growth,
        },
    )
    styled = style_fields(flags)
    if (statistics is Statistics.REFERENCE) != (reference is not None):
        raise CommandRefused("--statistics reference and --reference PICTURE go together", Exit.USAGE)
    target = output.absolute()
    check_target(source, target, force=force)
    task = RenderTask(
        item_id=item_id_of(target),
        source=str(source.absolute()),
        target=str(target),
        **styled,
        strength=strength,
        blend=blend,
        tile_px=tile and tile - tile % 16,
        overlap_px=overlap,
        statistics=statistics,
        reference=str(reference.absolute()) if reference else None,
        precision=precision,
        device=device,
        format=format_ or resolve_format(PictureFormat.SAME, str(target))[0],
        quality=quality,
    )
    rendered = render_and_publish(task, force=force)
    report(task, rendered, as_json=as_json)


def render_and_publish(task: RenderTask, *, force: bool) -> Rendered:
    """Render to an attempt's name beside the target, then move it there."""
    keep_freed_memory()
    torch.set_num_threads(1)  # blocks on lanes scale better than threads inside one convolution
    target = Path(task.target)
    temporary = attempt_name(target, task.item_id, secrets.randbelow(1_000_000))
    renderer = Renderer(settings_here())
    console = Console(stderr=True)
    try:
        with console.status(f"rendering {Path(task.source).name} …") as status:
            renderer.shop.watch = lambda progress: status.update(progress_words(task, progress))
            rendered = renderer.render(task, temporary)
        try:
            publish(temporary, target, replace=force)
        except TargetTaken as error:
            raise CommandRefused(str(error), Exit.FAILED) from error
    finally:
        discard(temporary, target)
        renderer.close()
    return rendered


def settings_here() -> RenderSettings:
    """What a renderer of this process may use: all of the machine."""
    home = home_folder()
    scratch = Path(os.environ.get("GIORNATA_SCRATCH") or home / "scratch")
    return RenderSettings(
        scratch=scratch,
        pictures=scratch / PICTURES,
        style_folders=(home / "styles",),
        memory_bytes=MEMORY_BYTES,
        lanes=Machine.detect().cpus,
    )


def progress_words(task: RenderTask, progress: OptimisationProgress) -> str:
    """How far an optimisation is, in the words of a batch."""
    work = asdict(progress) | {"steps_per_s": 1 / progress.seconds if progress.seconds else None}
    return f"optimising {work_words(Path(task.source).name, work)}"


def report(task: RenderTask, rendered: Rendered, *, as_json: bool) -> None:
    """One line for people, one object for scripts."""
    if as_json:
        sys.stdout.write(json.dumps({"target": task.target, **rendered.model_dump(mode="json")}) + "\n")
        return
    took = sum(rendered.seconds.values())
    tiles = f"{rendered.tiles} tiles" if rendered.tiles > 1 else "1 tile"
    sys.stdout.write(f"{task.target}: {rendered.width}×{rendered.height} px, {tiles}, {took:.1f} s\n")
    for warning in rendered.warnings:
        sys.stderr.write(f"note: {warning}\n")
