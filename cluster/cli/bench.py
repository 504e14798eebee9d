"""`giornata bench`: the tables of docs/benchmarks.md, each measured in one run."""

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from giornata.cluster.bench import batch as batch_bench
from giornata.cluster.bench import blocks as blocks_bench
from giornata.cluster.bench import encoders as encoders_bench
from giornata.cluster.bench import giant as giant_bench
from giornata.cluster.bench import manager as manager_bench
from giornata.cluster.bench import optimize as optimize_bench
from giornata.cluster.bench import scales as scales_bench
from giornata.cluster.bench import tiles as tiles_bench
from giornata.cluster.cli.options import MemoryLimit
from giornata.cluster.settings import Machine
from giornata.styles.optimization.options import ScaleGrowth

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Folder = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="where files go; a temporary folder if left out"),
]
Json = Annotated[bool, typer.Option("--json")]
StyleName = Annotated[str, typer.Option(help="style to measure with")]
StyleFolder = Annotated[str, typer.Option(help="library folder; the shipped one if left out")]


def finite(value: object) -> object:
    """`value`, with infinity as null: JSON has no word for it."""
    return None if isinstance(value, float) and math.isinf(value) else value


def show(rows: Sequence[Any], *, as_json: bool, **extra: object) -> None:
    """Rows of one dataclass as a table, or as JSON with `extra` beside them."""
    if as_json:
        plain = [{name: finite(value) for name, value in asdict(row).items()} for row in rows]
        sys.stdout.write(json.dumps({"rows": plain, **extra}) + "\n")
        return
    table = Table(*asdict(rows[0]))
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in asdict(row).values()))
    Console().print(table)
    for name, value in extra.items():
        sys.stdout.write(f"{name}: {value}\n")


@app.command()
def tiles(
    style: StyleName = "great-wave",
    styles: StyleFolder = "",
    width: Annotated[int, typer.Option(min=256)] = 1536,
    height: Annotated[int, typer.Option(min=256)] = 1024,
    tile: Annotated[int, typer.Option(min=128, max=2048)] = 512,
    out: Annotated[Path, typer.Option(help="where the rendered pictures go")] = Path("bench-out"),
    as_json: Json = False,
) -> None:
    """Naive, blended, thumbnail and exact tiles against the whole picture."""
    setting = tiles_bench.Setting(style, styles, width, height, tile, Machine.detect().cpus)
    rows = tiles_bench.measure(setting, out)
    for path in sorted(out.glob("*.npy")):
        samples = (np.load(path).clip(0, 1) * 255).round().astype(np.uint8)
        Image.fromarray(samples).save(path.with_suffix(".png"))
        path.unlink()
    show(rows, as_json=as_json, threads=setting.threads)


@app.command()
def blocks(
    style: StyleName = "great-wave",
    styles: StyleFolder = "",
    side: Annotated[int, typer.Option(min=256)] = 1024,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    as_json: Json = False,
) -> None:
    """Speed of the engine by block size, against the plain network."""
    show(
        blocks_bench.measure(style=style, styles=styles, side_px=side, threads=threads),
        as_json=as_json,
        threads=threads,
    )


@app.command()
def batch(
    style: StyleName = "great-wave",
    styles: StyleFolder = "",
    pictures: Annotated[int, typer.Option(min=2)] = 24,
    side: Annotated[int, typer.Option(min=64)] = 512,
    workers: Annotated[int | None, typer.Option(min=1)] = None,
    as_json: Json = False,
) -> None:
    """Pictures a second: a plain loop, one at a time, and the batch system."""
    with tempfile.TemporaryDirectory(prefix="giornata-bench-") as folder:
        setting = batch_bench.BatchSetting(Path(folder), style, styles, pictures, side, workers)
        rows, start_s = batch_bench.measure(setting)
    show(rows, as_json=as_json, start_s=round(start_s, 1), threads=Machine.detect().cpus)


@app.command()
def manager(
    items: Annotated[int, typer.Option(min=1000)] = 1_000_000,
    database: Annotated[str, typer.Option(help="a PostgreSQL URL; a new SQLite file if left out")] = "",
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Items a second, memory and database size of a job whose items need no work."""
    with tempfile.TemporaryDirectory(prefix="giornata-bench-", dir=folder) as place:
        result = manager_bench.measure(Path(place), items, database=database)
    show(
        result.rows,
        as_json=as_json,
        rss_growth_mb=round(result.rss_growth_mb, 1),
        database_mb=round(result.database_mb, 1),
    )


@app.command()
def giant(
    megapixels: Annotated[str, typer.Option(help="sizes, with commas between")] = "25,100,400",
    workers: Annotated[str, typer.Option(help="numbers of workers; one a core if left out")] = "",
    style: StyleName = "great-wave",
    styles: StyleFolder = "",
    tile: Annotated[int | None, typer.Option(min=64, max=2048, help="core side in px")] = None,
    overlap: Annotated[int | None, typer.Option(min=0, max=512)] = None,
    memory: MemoryLimit = None,
    strips: Annotated[bool, typer.Option("--strips", help="a source without tiles")] = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Seconds, memory of all processes and scratch of large pictures, and whether workers change a byte."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="giornata-bench-", dir=folder) as place:
        setting = giant_bench.GiantSetting(
            Path(place),
            tuple(float(size) for size in megapixels.split(",")),
            tuple(int(count) for count in workers.split(",")) if workers else (Machine.detect().cpus,),
            style,
            styles,
            tile,
            overlap,
            memory,
            strips,
        )
        rows = giant_bench.measure(setting)
    show(
        rows,
        as_json=as_json,
        linearity=round(giant_bench.linearity(rows), 3),
        same_pixels=giant_bench.same_pixels(rows),
    )


@app.command()
def optimize(
    sizes: Annotated[list[int] | None, typer.Option("--size", help="px; may be given several times")] = None,
    tile: Annotated[int, typer.Option(min=128, max=2048, help="core side in px")] = 512,
    workers: Annotated[str, typer.Option(help="numbers of workers; one, and one a core, if left out")] = "",
    encoder: Annotated[str, typer.Option(help="auto, compact, vgg19 or a weight file")] = "compact",
    threads: Annotated[int, typer.Option(min=1, help="threads of a worker")] = 1,
    steps: Annotated[int, typer.Option(min=1)] = 2,
    memory: Annotated[int, typer.Option(min=256, help="MB of a worker; a whole must fit")] = 4096,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Seconds a step and peak memory by size: whole, in tiles on one worker, and on several."""
    counts = tuple(int(count) for count in workers.split(",")) if workers else (1, Machine.detect().cpus)
    like = optimize_bench.Setting(0, tile, encoder=encoder, threads=threads, steps=steps, memory_mb=memory)
    table = optimize_bench.measure(
        optimize_bench.settings_of(sizes or [512, 1024], counts, like), folder=folder, on_row=_tell_row
    )
    show(table.rows, as_json=as_json, left_out="; ".join(table.left_out) or "nothing")


@app.command()
def scales(
    side: Annotated[int, typer.Option(min=256, help="px")] = 1024,
    steps: Annotated[int, typer.Option(min=2, help="of the one scale")] = 100,
    first_steps: Annotated[int, typer.Option(min=2, help="of the smallest of several scales")] = 100,
    smallest: Annotated[int, typer.Option(min=64, help="px")] = 128,
    growth: Annotated[ScaleGrowth, typer.Option()] = ScaleGrowth.DYADIC,
    encoder: Annotated[str, typer.Option(help="auto, compact, vgg19 or a weight file")] = "compact",
    threads: Annotated[int | None, typer.Option(min=1, help="one a core if left out")] = None,
    as_json: Json = False,
) -> None:
    """What several scales take to be no worse than one scale, and what that took."""
    count = threads or Machine.detect().cpus
    setting = scales_bench.Setting(side, steps, first_steps, smallest, growth, encoder, count)
    show(scales_bench.measure(setting), as_json=as_json, threads=count)


@app.command()
def encoders(
    true: Annotated[str, typer.Option(help="VGG-19: vgg19, or a weight file, whole or from conv1_1 on")],
    compact: Annotated[str, typer.Option(help="compact, or a weight file")] = "compact",
    pairs: Annotated[int, typer.Option(min=1, max=30)] = 10,
    side: Annotated[int, typer.Option(min=64, help="px")] = 256,
    steps: Annotated[int, typer.Option(min=2)] = 60,
    threads: Annotated[int | None, typer.Option(min=1, help="one a core if left out")] = None,
    as_json: Json = False,
) -> None:
    """What VGG-19 says of pictures optimised under the compact encoder and under itself, and the speed."""
    setting = encoders_bench.Setting(true, compact, pairs, side, steps, threads or Machine.detect().cpus)
    comparison = encoders_bench.measure(setting)
    show(
        comparison.rows,
        as_json=as_json,
        layers=" ".join(comparison.layers),
        rank_agreement=round(comparison.agreement, 3),
        times_faster=round(comparison.speed, 2),
        times_faster_all_layers=round(comparison.whole_speed, 2),
    )


def _tell_row(row: optimize_bench.Row) -> None:
    """Write the row to standard error: large sizes take minutes each."""
    what = f"{row.side_px} px, {row.tiles} tiles on {row.workers} workers"
    typer.echo(f"{what}: {row.seconds_per_step:.1f} s a step, {row.peak_mb:.0f} MB", err=True)
