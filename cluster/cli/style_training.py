"""Trainings with progress for people: painters, encoders, and the universal network with its styles."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.styles.errors import BadEncoder
from giornata.styles.training.data import pictures_in, read_picture, to_unit
from giornata.styles.training.distillation import DistillationPlan, DistillationProgress, Distiller
from giornata.styles.training.export import preview_sheet, publish_encoder, write_library
from giornata.styles.training.export_universal import (
    READING_PX,
    learn_paintings,
    load_paintings_list,
    publish_network,
    rebuilt_db,
)
from giornata.styles.training.held_out import HeldOut, load_held_out
from giornata.styles.training.painters import PaintersTrainer, TrainingFiles, TrainingProgress
from giornata.styles.training.recipe import RECIPES, Recipe, load_recipe
from giornata.styles.training.universal import UniversalProgress, UniversalTrainer
from giornata.styles.training.universal_recipe import load_universal_recipe
from giornata.styles.universal.network import STRIDE
from giornata.styles.universal.network_files import FOLDER, load_network_card

PREVIEW_PHOTOS = 4
LINE_EVERY = 50  # steps, where there is no terminal


def train_painters(
    recipe_path: Path,
    *,
    photos: tuple[Path, ...],
    paintings: Path,
    encoder: Path,
    deep_encoder: Path | None,
    work: Path,
    out: Path | None = None,
    device: str = "cpu",
    checkpoint_every: int = 200,
    held_out: Path | None = None,
) -> None:
    """Train, preview at every checkpoint, publish into `out` if there is one. Raises `StyleError`.

    Pictures that `held_out` names (the project's own list by default) are never trained on; the previews
    show them, or the photographs themselves when none of them is there.
    """
    recipe = load_recipe(recipe_path)
    unseen = load_held_out(held_out)
    trainer = PaintersTrainer(
        recipe, files_of(recipe, unseen, photos, paintings, encoder, deep_encoder, work), device=device
    )
    shown = shown_photos(photos, unseen)
    show_progress(trainer, shown, checkpoint_every=checkpoint_every)
    sheet = preview_sheet(trainer.average, shown, work / "preview.png")
    if out is None:
        sys.stdout.write(f"trained; look at {sheet}\n")
        return
    cards = write_library(trainer.average, recipe, out)
    sys.stdout.write(f"{len(cards)} styles in {out}; look at {sheet} before you ship them\n")


def files_of(
    recipe: Recipe,
    unseen: HeldOut,
    photos: tuple[Path, ...],
    paintings: Path,
    encoder: Path,
    deep_encoder: Path | None,
    work: Path,
) -> TrainingFiles:
    """The files that the training reads, without held-out pictures. Raises `StyleError`."""
    unseen.refuse(recipe.paintings)
    if deep_encoder is None:
        raise BadEncoder("--deep-encoder", "no file", "a compressed VGG-19 (safetensors)")
    seen = pictures_in(photos, without=unseen.all_photos)
    universal = FOLDER / load_network_card().weights
    return TrainingFiles(seen, paintings, encoder, deep_encoder, work, universal)


def shown_photos(folders: Sequence[Path], unseen: HeldOut) -> list[Path]:
    """A few photographs for the sheets, evenly from those that are held out, else from all."""
    every = pictures_in(folders)
    chosen = [path for path in every if path.stem in unseen.photos] or list(every)
    return chosen[:: max(1, len(chosen) // PREVIEW_PHOTOS)][:PREVIEW_PHOTOS]


def show_progress(trainer: PaintersTrainer, shown: list[Path], *, checkpoint_every: int) -> None:
    """Run the training to its end with a bar, or with lines where there is no terminal."""
    work, reached = trainer.files.work, trainer.resume()
    if reached:
        sys.stdout.write(f"going on from step {reached} of {trainer.recipe.steps}\n")
    recent = RecentParts()
    with steps_bar() as bar:
        task = bar.add_task("training", total=trainer.recipe.steps, completed=reached, words="")
        for progress in trainer.run(checkpoint_every=checkpoint_every):
            recent.add(progress)
            bar.update(task, completed=progress.step, words=recent.words())
            if progress.step % LINE_EVERY == 0:
                if not bar.console.is_terminal:
                    sys.stdout.write(f"step {progress.step} of {progress.steps}: {recent.words()}\n")
                    sys.stdout.flush()
                recent = RecentParts()
            if progress.step % checkpoint_every == 0:
                preview_sheet(trainer.average, shown, work / f"preview-{progress.step:06d}.png")


class RecentParts:
    """Means over the steps that were added."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def add(self, progress: TrainingProgress) -> None:
        """Add one step."""
        for name, value in (progress.parts | {"seconds": progress.seconds_per_step}).items():
            self.values.setdefault(name, []).append(value)

    def words(self) -> str:
        """Such as "style 0.210, content 0.510, 0.61 s a step"."""
        means = {name: sum(values) / len(values) for name, values in self.values.items()}
        seconds = means.pop("seconds", 0.0)
        return ", ".join([*(f"{name} {mean:.3f}" for name, mean in means.items()), f"{seconds:.2f} s a step"])


def steps_bar() -> Progress:
    """The bar of a training."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )


DISTILLATION_LINE_EVERY = 20  # steps
LAST = 50  # steps whose mean the card tells


def distill(
    plan: DistillationPlan,
    *,
    pictures: tuple[Path, ...],
    encoder: Path,
    deep_encoder: Path,
    work: Path,
    out: Path,
    trained_on: str,
    held_out: Path | None = None,
) -> None:
    """Distill from the last checkpoint on, publish. Raises `StyleError`.

    Pictures that `held_out` names (the project's own list by default) are never trained on.
    """
    unseen = load_held_out(held_out)
    distiller = Distiller(
        plan,
        pictures=pictures,
        encoder=encoder,
        deep_encoder=deep_encoder,
        work=work,
        without=(*unseen.all_photos, *unseen.paintings),
    )
    reached = distiller.resume()
    if reached:
        sys.stdout.write(f"going on from step {reached} of {plan.steps}\n")
    seen: list[DistillationProgress] = []
    for progress in distiller.run():
        seen = [*seen, progress][-LAST:]
        if progress.step % DISTILLATION_LINE_EVERY == 0:
            sys.stdout.write(f"step {progress.step} of {progress.steps}: {missed_words(progress.missed)}\n")
            sys.stdout.flush()
    path = publish_encoder(
        distiller.student.shipped(),
        out,
        cycles=distiller.cycles,
        trained_on=trained_on,
        missed=mean_missed(seen),
    )
    sys.stdout.write(
        f"{path}; compare it before you ship it: giornata bench encoders --compact {path} --true VGG19\n"
    )


def mean_missed(seen: list[DistillationProgress]) -> dict[str, float]:
    """The mean over some steps, by layer."""
    if not seen:
        return {}
    return {layer: sum(progress.missed[layer] for progress in seen) / len(seen) for layer in seen[0].missed}


def missed_words(missed: dict[str, float]) -> str:
    """Such as "missed relu1_1 0.05, relu2_1 0.12"."""
    return "missed " + ", ".join(f"{layer} {share:.3f}" for layer, share in missed.items())


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
    means = {
        key: sum(progress.parts[key] for progress in gathered if key in progress.parts) / count
        for key in last.parts
    }
    seconds = sum(progress.seconds_per_step for progress in gathered) / count
    text = " ".join(f"{key} {value:.4f}" for key, value in means.items())
    return f"{last.step}/{last.steps} {last.kind}: {text}, {seconds:.2f} s a step"


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
    """Raise `CommandRefused` for a path that is no folder."""
    for folder in folders:
        if not folder.is_dir():
            raise CommandRefused(f"reading pictures in {folder}: no such folder", Exit.REJECTED)
