"""`giornata styles`: the library, and how its styles are made."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from giornata.cluster.batch.catalog import user_library
from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.styles.library import LibraryEntry

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
SHEET_COLUMNS, SHEET_CELL_PX = 6, 256
RECIPES = Path(__file__).resolve().parents[2] / "styles" / "training" / "recipes"


def described(shelved: LibraryEntry) -> dict[str, object]:
    """A style as plain data."""
    return {**shelved.card.model_dump(mode="json"), "folder": str(shelved.folder)}


@app.command("ls")
def list_styles(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    sheet: Annotated[Path | None, typer.Option(help="write a photograph in every style, JPEG or PNG")] = None,
) -> None:
    """List the styles: yours and the shipped ones."""
    shelves = list(user_library().styles.values())
    if sheet is not None:
        # Loaded here because listing styles must not wait for torch.
        module = import_module("giornata.cluster.cli.style_sheets")
        module.preview(None, sheet, strength=1.0, columns=SHEET_COLUMNS, cell_px=SHEET_CELL_PX)
    if as_json:
        sys.stdout.write(json.dumps([described(entry) for entry in shelves]) + "\n")
        return
    table = Table(Column("style", no_wrap=True), "artwork", "artist", "year", "engine")
    for entry in shelves:
        art = entry.card.artwork
        table.add_row(entry.card.name, art.title, art.artist, art.year, entry.card.engine.value)
    Console().print(table)


@app.command("add")
def add(
    picture: Annotated[Path, typer.Argument(help="a painting, or any other picture")],
    name: Annotated[str, typer.Option(help="by the file's name if left out")] = "",
    title: Annotated[str, typer.Option(help="of the artwork")] = "",
    artist: Annotated[str, typer.Option()] = "unknown",
    year: Annotated[str, typer.Option()] = "",
    size: Annotated[int, typer.Option(min=64, max=4096, help="px of the short side it is read at")] = 768,
    levels: Annotated[int | None, typer.Option(min=1, max=5, help="1 colours, 5 composition")] = None,
    structure: Annotated[float | None, typer.Option(min=0, max=1, help="of the photograph, kept")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace a style of this name")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Learn a style from a picture, in seconds; `giornata render --style NAME` then knows it."""
    # Loaded here because listing styles must not wait for torch.
    module = import_module("giornata.cluster.cli.own_styles")
    new = module.NewStyle(
        picture=picture,
        name=name or module.name_from(picture),
        title=title,
        artist=artist,
        year=year,
        size_px=size,
        levels=levels,
        structure=structure,
    )
    shelved = module.add_style(new, force=force)
    if as_json:
        sys.stdout.write(json.dumps(described(shelved)) + "\n")
        return
    sys.stdout.write(f"{shelved.card.name}: in {shelved.folder}, shown in {shelved.card.name}.jpg\n")


@app.command("rm")
def remove(name: Annotated[str, typer.Argument(help="a style of your own")]) -> None:
    """Remove a style that was added."""
    import_module("giornata.cluster.cli.own_styles").remove_style(name)


@app.command("show")
def show_style(name: str, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Everything a style's card says."""
    data = described(user_library().find(name))
    if as_json:
        sys.stdout.write(json.dumps(data) + "\n")
        return
    for key, value in data.items():
        sys.stdout.write(f"{key:<12} {value}\n")


@app.command("verify")
def verify_styles(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check every style's weights against the hash on its card."""
    verdicts = user_library().verify()
    if as_json:
        rows = [{"name": v.name, "problem": v.problem} for v in verdicts]
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        for verdict in verdicts:
            sys.stdout.write(f"{verdict.name:<20} {verdict.problem or 'ok'}\n")
    if any(verdict.problem for verdict in verdicts):
        raise typer.Exit(Exit.FAILED)


@app.command("preview")
def preview(
    photo: Annotated[Path, typer.Argument(help="a picture of your own")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the sheet, JPEG or PNG")],
    strength: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    columns: Annotated[int, typer.Option(min=1)] = 3,
    cell: Annotated[int, typer.Option(min=64, max=2048, help="px of one picture's long side")] = 400,
) -> None:
    """One picture in every style of the library, on one sheet."""
    # Loaded here because listing styles must not wait for torch.
    module = import_module("giornata.cluster.cli.style_sheets")
    sheet = module.preview(photo, output, strength=strength, columns=columns, cell_px=cell)
    sys.stdout.write(f"{sheet}\n")


@app.command("grid")
def grid(
    out: Annotated[Path, typer.Option("-o", "--output", help="the folder of the sheets")],
    content: Annotated[list[Path] | None, typer.Option(help="a picture; may be given several times")] = None,
    style_image: Annotated[
        list[Path] | None, typer.Option(help="a picture to take the style from; may be given several times")
    ] = None,
    side: Annotated[int, typer.Option(min=96, help="px, of sample pictures")] = 256,
    steps: Annotated[int, typer.Option(min=1, help="at the smallest scale")] = 100,
    encoder: Annotated[str, typer.Option(help="auto, compact, vgg19 or a weight file")] = "compact",
    cell: Annotated[int, typer.Option(min=64, max=1024, help="px of one picture on the sheets")] = 192,
) -> None:
    """Optimise pictures towards style pictures: every pair, and what style layers and beta do."""
    for path in (*(content or ()), *(style_image or ())):
        if not path.is_file():
            raise CommandRefused(f"reading picture {path}: no such file", Exit.REJECTED)
    # Loaded here because listing styles must not wait for torch.
    module = import_module("giornata.cluster.cli.style_sheets")
    options = module.GridOptions(side, steps, encoder, cell)
    for sheet in module.grid(out, options, contents=content or (), styles=style_image or ()):
        sys.stdout.write(f"{sheet}\n")


def find_recipe(text: str) -> Path:
    """A recipe by path, or by the name of one that ships."""
    shipped = RECIPES / f"{text}.toml"
    path = Path(text)
    if path.is_file() or not shipped.is_file():
        return path
    return shipped


HeldOutList = Annotated[
    Path | None,
    typer.Option(help="pictures kept for judging (TOML: photos, paintings); the project's own if left out"),
]


@app.command("train")
def train(
    recipe: Annotated[str, typer.Argument(help="a recipe (TOML), or the name of one that ships: painters-2")],
    photos: Annotated[list[Path], typer.Option(help="folder of photographs; may be given several times")],
    paintings: Annotated[Path, typer.Option(help="folder that holds the recipe's paintings")],
    encoder: Annotated[Path, typer.Option(help="VGG-19 convolutions (safetensors, conv1_1 … conv3_4)")],
    out: Annotated[Path | None, typer.Option(help="where the library goes; none if left out")] = None,
    deep_encoder: Annotated[Path | None, typer.Option(help="compressed VGG-19 for the deep layers")] = None,
    work: Annotated[Path, typer.Option(help="checkpoint and previews")] = Path("training"),
    held_out: HeldOutList = None,
    device: Annotated[str, typer.Option()] = "cpu",
    checkpoint_every: Annotated[int, typer.Option(min=1)] = 100,
) -> None:
    """Train a network of styles and write it as a library of cards and weights."""
    for folder in (*photos, paintings):
        if not folder.is_dir():
            raise CommandRefused(f"training: {folder} is not a folder", Exit.REJECTED)
    # Loaded here because listing styles must not wait for torch.
    import_module("giornata.cluster.cli.style_training").train_painters(
        find_recipe(recipe),
        photos=tuple(photos),
        paintings=paintings,
        encoder=encoder,
        deep_encoder=deep_encoder,
        work=work,
        out=out,
        device=device,
        checkpoint_every=checkpoint_every,
        held_out=held_out,
    )


@app.command("distill")
def distill(
    pictures: Annotated[list[Path], typer.Option(help="folder of pictures; may be given several times")],
    encoder: Annotated[Path, typer.Option(help="VGG-19 convolutions (safetensors, conv1_1 … conv3_4)")],
    deep_encoder: Annotated[Path, typer.Option(help="compressed VGG-19 for the deep layers")],
    out: Annotated[Path, typer.Option(help="where the encoder and its card go")],
    trained_on: Annotated[str, typer.Option(help="what the card says of the pictures")],
    work: Annotated[Path, typer.Option(help="checkpoint")] = Path("distillation"),
    steps: Annotated[int, typer.Option(min=1, help="in all; more than before goes on")] = 6000,
    rate: Annotated[float, typer.Option(help="peak rate of the steps to come")] = 2e-3,
    batch: Annotated[int, typer.Option(min=1, help="crops a step")] = 5,
    held_out: HeldOutList = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Distill the compact encoder that the optimisation engine uses offline."""
    for folder in pictures:
        if not folder.is_dir():
            raise CommandRefused(f"distilling: {folder} is not a folder", Exit.REJECTED)
    import_module("torch").set_num_threads(threads)
    plan = import_module("giornata.styles.training.distillation").DistillationPlan(
        steps=steps, batch=batch, peak_rate=rate
    )
    # Loaded here because listing styles must not wait for torch.
    import_module("giornata.cluster.cli.style_training").distill(
        plan,
        pictures=tuple(pictures),
        encoder=encoder,
        deep_encoder=deep_encoder,
        work=work,
        out=out,
        trained_on=trained_on,
        held_out=held_out,
    )


@app.command(
    "universal",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def universal(context: typer.Context) -> None:
    """Train the network that any picture becomes a style by: train, publish, learn."""
    # Loaded here because listing styles must not wait for torch.
    module = import_module("giornata.cluster.cli.style_training")
    module.app(context.args, prog_name="giornata styles universal")
