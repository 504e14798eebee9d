"""`giornata render`: one picture in this process, no Ray."""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.settings import Machine, home_folder
from giornata.jobs.choices import (
    AVAILABLE_ENGINES,
    DeviceChoice,
    EngineKind,
    PictureFormat,
    Precision,
    Statistics,
    listed,
    resolve_format,
)
from giornata.jobs.naming import attempt_name, item_id_of
from giornata.jobs.task import RenderTask
from giornata.workers.render import Rendered, Renderer, RenderSettings
from giornata.workers.storage import publish

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
MEMORY_BYTES = 4 << 30  # one picture has the machine to itself


def parse_mix(text: str) -> dict[str, float]:
    """`great-wave` or `great-wave=2,udnie=1` -> shares by style. Raises `CommandRefused`."""
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        try:
            mix[name] = float(share) if share else 1.0
        except ValueError:
            raise CommandRefused(
                f"reading --style: got {part!r}, needed NAME or NAME=SHARE", Exit.USAGE
            ) from None
    if not all(mix) or any(share <= 0 for share in mix.values()):
        raise CommandRefused(f"reading --style: got {text!r}, needed names with shares above 0", Exit.USAGE)
    whole = sum(mix.values())
    return {name: share / whole for name, share in mix.items()}


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
    style: Annotated[str, typer.Option(help="NAME, or NAME=SHARE,NAME=SHARE for a mix")],
    strength: Annotated[float, typer.Option(min=0, max=1, help="1 the style, 0 the picture itself")] = 1.0,
    blend: Annotated[float, typer.Option(min=0, max=1, help="pixel blend of result and picture")] = 1.0,
    tile: Annotated[int | None, typer.Option(min=64, max=2048, help="core side in px")] = None,
    overlap: Annotated[int, typer.Option(min=0, max=512, help="px that two tiles share and blend")] = 64,
    statistics: Annotated[Statistics, typer.Option()] = Statistics.EXACT,
    reference: Annotated[Path | None, typer.Option(help="picture to take statistics from")] = None,
    precision: Annotated[Precision, typer.Option()] = Precision.FP32,
    device: Annotated[DeviceChoice, typer.Option()] = DeviceChoice.AUTO,
    engine: Annotated[EngineKind, typer.Option()] = EngineKind.FEEDFORWARD,
    format_: Annotated[PictureFormat | None, typer.Option("--format", help="by name if left out")] = None,
    quality: Annotated[int, typer.Option(min=1, max=100)] = 92,
    force: Annotated[bool, typer.Option("--force", help="replace an existing output")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Style one picture. The output has the size of the source."""
    if engine not in AVAILABLE_ENGINES:
        words = f"engine {engine}: not available in this version; needed one of {listed(AVAILABLE_ENGINES)}"
        raise CommandRefused(words, Exit.USAGE)
    if (statistics is Statistics.REFERENCE) != (reference is not None):
        raise CommandRefused("--statistics reference and --reference PICTURE go together", Exit.USAGE)
    target = output.absolute()
    check_target(source, target, force=force)
    task = RenderTask(
        item_id=item_id_of(target),
        source=str(source.absolute()),
        target=str(target),
        style_label=style,
        mix=parse_mix(style),
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
    torch.set_num_threads(1)  # blocks on lanes scale better than threads inside one convolution
    home = home_folder()
    settings = RenderSettings(
        scratch=Path(os.environ.get("GIORNATA_SCRATCH") or home / "scratch"),
        style_folders=(home / "styles",),
        memory_bytes=MEMORY_BYTES,
        lanes=Machine.detect().cpus,
    )
    target = Path(task.target)
    temporary = attempt_name(target, task.item_id, secrets.randbelow(1_000_000))
    renderer = Renderer(settings)
    console = Console(stderr=True)
    try:
        with console.status(f"rendering {Path(task.source).name} …"):
            rendered = renderer.render(task, temporary)
        publish(temporary, target, replace=force)
    finally:
        temporary.unlink(missing_ok=True)
        renderer.close()
    return rendered


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
