"""`giornata render`: one picture in this process, no Ray."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from giornata.cluster.batch.single_image import render_and_publish
from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.options import AUTO, StyleFlags, style_fields
from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.paths import item_id_of
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
from giornata.workers.rendering.prepared import RenderResult

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


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
    try:
        rendered = render_and_publish(task, force=force)
    except TargetTaken as error:
        name, reason = error.args
        raise CommandRefused(f"publishing {name}: {reason}", Exit.FAILED) from error
    report(task, rendered, as_json=as_json)


def report(task: RenderTask, rendered: RenderResult, *, as_json: bool) -> None:
    """One line for people, one object for scripts."""
    if as_json:
        sys.stdout.write(json.dumps({"target": task.target, **rendered.model_dump(mode="json")}) + "\n")
        return
    took = sum(rendered.seconds.values())
    tiles = f"{rendered.tiles} tiles" if rendered.tiles > 1 else "1 tile"
    sys.stdout.write(f"{task.target}: {rendered.width}×{rendered.height} px, {tiles}, {took:.1f} s\n")
    for warning in rendered.warnings:
        sys.stderr.write(f"note: {warning}\n")
