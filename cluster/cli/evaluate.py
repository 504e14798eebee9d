"""`giornata evaluate`: how good the pictures are, measured, beside floors and other people's networks."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.output import write_rows
from giornata.cluster.evaluation.request import Request, with_data_folder

if TYPE_CHECKING:  # measuring needs torch, `--help` does not
    from giornata.cluster.evaluation.results import Evaluation

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
SHOWN = ("ssim", "lpips", "squeeze_3", "to_palette", "dots", "holes", "cpu_s_per_mpx")
Places = Annotated[list[Path] | None, typer.Option(help="files or folders; may be given several times")]


@app.command()
def evaluate(
    data: Annotated[
        Path | None, typer.Option(help="one folder of photos, paintings, teachers and encoders")
    ] = None,
    photos: Places = None,
    paintings: Places = None,
    methods: Annotated[
        str, typer.Option(help="names with commas between; all that can be had if left out")
    ] = "",
    styles: Annotated[str, typer.Option(help="of the library, with commas between; all if left out")] = "",
    held_out: Annotated[
        bool, typer.Option("--held-out", help="the photographs that no training saw, unseen paintings apart")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="photographs at most, evenly spread")] = None,
    size: Annotated[int, typer.Option(min=64, max=4096, help="px, of the short side")] = 512,
    square: Annotated[bool, typer.Option("--square", help="square crops of the photographs' middle")] = False,
    steps: Annotated[int, typer.Option(min=0, help="of the optimisation; 0 leaves it out")] = 100,
    encoder: Annotated[str, typer.Option(help="of the optimisation: compact, vgg19 or a file")] = "compact",
    teachers: Annotated[Path | None, typer.Option(help="folder of other people's networks")] = None,
    lpips: Annotated[
        Path | None, typer.Option(help="LPIPS v0.1 file or folder; GIORNATA_LPIPS if left out")
    ] = None,
    vgg: Annotated[Path | None, typer.Option(help="VGG-19 file; torchvision's if it is cached")] = None,
    library: Annotated[list[Path] | None, typer.Option(help="library folder besides the usual ones")] = None,
    network: Annotated[
        list[Path] | None, typer.Option(help="weights of the universal engine before they are published")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="of this process")] = 1,
    out: Annotated[Path, typer.Option(help="where table, plot, sheets and images go")] = Path("evaluation"),
    vote: Annotated[
        bool, typer.Option("--vote", help="paint nothing: write a page of blind pairs of --out, read answers")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the rows on standard output")] = False,
) -> None:
    """Measure methods on photographs and paintings: a table, a plot, and a sheet a method."""
    if vote:
        _vote(out, as_json=as_json)
        return
    request = Request(
        photos=tuple(photos or ()),
        paintings=tuple(paintings or ()),
        methods=_listed(methods),
        styles=_listed(styles),
        held_out=held_out,
        limit=limit,
        size_px=size,
        square=square,
        steps=steps,
        encoder=encoder,
        teachers=teachers,
        lpips=lpips,
        vgg=vgg,
        libraries=tuple(library or ()),
        networks=tuple(network or ()),
        threads=threads,
        out=out,
    )
    request = with_data_folder(request, data) if data else request
    if not request.photos or not request.paintings:
        raise CommandRefused("evaluating: needed --photos and --paintings, or --data", Exit.USAGE)
    from giornata.cluster.evaluation.run import carry_out

    print_evaluation(*carry_out(request), as_json=as_json)


def _listed(text: str) -> tuple[str, ...] | None:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return names or None


def _vote(out: Path, *, as_json: bool) -> None:
    """Write the page if there is none yet, read the answers, and write the table again."""
    from giornata.cluster.evaluation.results import read_json, write_json
    from giornata.cluster.evaluation.table import write_markdown
    from giornata.cluster.evaluation.vote import (
        ANSWERS,
        FOLDER,
        PAGE,
        read_votes,
        with_preferences,
        write_page,
    )

    evaluation = read_json(out)
    page = out / FOLDER / PAGE
    if not page.is_file():
        write_page(evaluation, out)
    votes = read_votes(out)
    evaluation = with_preferences(evaluation, votes)
    write_json(evaluation, out)
    write_markdown(evaluation, out)
    if as_json:
        print_evaluation(evaluation, out, as_json=True)
        return
    reason = evaluation.preference_missing
    result = f"not measured: {reason}" if reason else f"see {out / 'table.md'}"
    sys.stdout.write(f"open {page}, put the answers ({ANSWERS}) beside it, and ask again\n")
    sys.stdout.write(f"preference: {result}\n")


def print_evaluation(evaluation: "Evaluation", folder: Path, *, as_json: bool) -> None:
    """Write the rows as JSON, or the main columns and the path of the rest."""
    from giornata.cluster.evaluation.table import RELATIVE, interval_words
    from giornata.styles.evaluation.yardstick import MEASURES

    if as_json:
        data = evaluation.model_dump(mode="json", exclude={"readings"})
        sys.stdout.write(json.dumps(data) + "\n")
        return
    columns = {name: MEASURES.get(name, RELATIVE) for name in SHOWN if name not in evaluation.missing}
    headers = ["method", "paintings", *(measure.title for measure in columns.values())]
    lines = []
    for row in evaluation.rows:
        name = f"{row.method} (unseen)" if row.unseen else row.method
        cells = (interval_words(row.measures.get(key), column.digits) for key, column in columns.items())
        lines.append([name, row.paintings, *cells])
    write_rows(headers, lines)
    for name, reason in evaluation.missing.items():
        sys.stdout.write(f"{MEASURES[name].title}: not measured: {reason}\n")
    for line in evaluation.left_out:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{folder / 'table.md'}; look at {folder}/sheet-*.jpg before you believe it\n")
