"""Training the universal network and learning paintings by it, with progress for people."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.styles.training.data import pictures_in, read_picture, to_unit
from giornata.styles.training.export_universal import (
    READING_PX,
    learn_paintings,
    load_paintings_list,
    publish_network,
    rebuilt_db,
)
from giornata.styles.training.held_out import load_held_out
from giornata.styles.training.recipe import RECIPES
from giornata.styles.training.universal import UniversalProgress, UniversalTrainer
from giornata.styles.training.universal_recipe import load_universal_recipe
from giornata.styles.universal.network import STRIDE
from giornata.styles.universal.network_files import FOLDER

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
SAY_EVERY = 50  # steps
REBUILT_PX = 384  # short side of the pictures that are rebuilt


@app.command("train")
def train(
    photos: Annotated[list[Path], typer.Option(help="folder of photographs; may be given several times")],
    paintings: Annotated[list[Path], typer.Option(help="folder of paintings; may be given several times")],
    encoder: Annotated[Path, typer.Option(help="VGG-19 convolutions (safetensors, conv1_1 … conv3_4)")],
    deep_encoder: Annotated[Path, typer.Option(help="compressed VGG-19 (safetensors)")],
    recipe: Annotated[Path, typer.Option(help="a recipe (TOML)")] = RECIPES / "universal.toml",
    teachers: Annotated[Path | None, typer.Option(help="folder with `universal_16x`, to distil from")] = None,
    work: Annotated[Path, typer.Option(help="checkpoint")] = Path("training/universal"),
    out: Annotated[Path | None, typer.Option(help="where the network goes once it is trained")] = None,
    device: Annotated[str, typer.Option()] = "cpu",
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Train the universal network, or go on with its training; pictures held out are left out."""
    check_folders([*photos, *paintings])
    torch.set_num_threads(threads)
    unseen = load_held_out()
    trainer = UniversalTrainer(
        load_universal_recipe(recipe),
        photos=pictures_in(photos, without=unseen.all_photos),
        paintings=pictures_in(paintings, without=unseen.paintings),
        encoder=encoder,
        deep_encoder=deep_encoder,
        work=work,
        teachers=teachers,
        device=device,
    )
    sys.stdout.write(f"from step {trainer.resume()} of {trainer.recipe.steps}\n")
    say_progress(trainer)
    if out is not None:
        publish(photos, work=work, recipe=recipe, out=out)


def say_progress(trainer: UniversalTrainer) -> None:
    """Run a training, with a line every `SAY_EVERY` steps."""
    gathered: list[UniversalProgress] = []
    for progress in trainer.run():
        gathered.append(progress)
        if progress.step % SAY_EVERY == 0 or progress.step == progress.steps:
            sys.stdout.write(f"{time.strftime('%H:%M:%S')} {progress_line(gathered)}\n")
            sys.stdout.flush()
            gathered.clear()


def progress_line(gathered: Sequence[UniversalProgress]) -> str:
    """Means over some steps, in one line."""
    last, count = gathered[-1], len(gathered)
    means = {key: sum(one.parts[key] for one in gathered if key in one.parts) / count for key in last.parts}
    seconds = sum(one.seconds_per_step for one in gathered) / count
    words = " ".join(f"{key} {value:.4f}" for key, value in means.items())
    return f"{last.step}/{last.steps} {last.kind}: {words}, {seconds:.2f} s a step"


@app.command("publish")
def publish(
    photos: Annotated[list[Path], typer.Option(help="folder with the photographs held out")],
    work: Annotated[Path, typer.Option(help="checkpoint")] = Path("training/universal"),
    recipe: Annotated[Path, typer.Option(help="a recipe (TOML)")] = RECIPES / "universal.toml",
    out: Annotated[Path, typer.Option(help="where the network goes")] = FOLDER,
) -> None:
    """Write the averaged network of a checkpoint with its card; styles must be learnt again afterwards."""
    check_folders(photos)
    chosen = load_universal_recipe(recipe)
    network, step = UniversalTrainer.averaged(work)
    unseen = load_held_out().all_photos
    pictures = [held_out_picture(path) for path in pictures_in(photos) if path.stem in unseen]
    card = publish_network(
        network,
        out,
        trained_on=chosen.trained_on,
        made_by=f"giornata styles universal train, {step} steps of the recipe {chosen.name}",
        rebuilt_db=rebuilt_db(network, pictures) if pictures else {},
    )
    sys.stdout.write(f"{out / card.weights} {card.sha256}\n")


def held_out_picture(path: Path) -> Tensor:
    """A picture reduced and cut to multiples of the stride: float32, 1 x 3 x H x W, 0..1."""
    pixels = to_unit(read_picture(path, REBUILT_PX))
    height, width = (side - side % STRIDE for side in pixels.shape[1:])
    return pixels[None, :, :height, :width]


@app.command("learn")
def learn(
    paintings: Annotated[list[Path], typer.Option(help="folder of paintings; may be given several times")],
    listed: Annotated[Path, typer.Option("--list", help="which of them (TOML)")] = RECIPES / "paintings.toml",
    network: Annotated[Path, typer.Option(help="weights")] = FOLDER / "universal.safetensors",
    out: Annotated[Path, typer.Option(help="the library")] = FOLDER.parent / "library" / "universal",
    side: Annotated[
        int, typer.Option(min=64, help="px of the short side at which strokes are read")
    ] = READING_PX,
) -> None:
    """Make styles of all listed paintings: what ships, learnt again after the network was trained."""
    check_folders(paintings)
    for style in learn_paintings(load_paintings_list(listed), paintings, network, out, side_px=side):
        sys.stdout.write(f"{style.card.name}\n")
        sys.stdout.flush()


def check_folders(folders: Sequence[Path]) -> None:
    """Raise `CommandRefused` for what is no folder."""
    for folder in folders:
        if not folder.is_dir():
            raise CommandRefused(f"reading pictures in {folder}: no such folder", Exit.REJECTED)
