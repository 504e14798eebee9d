"""The showing of a training: a bar with the loss parts, previews on the way, a library when asked for one."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from giornata.styles.errors import BadEncoder
from giornata.styles.training.data import pictures_in
from giornata.styles.training.export import preview_sheet, write_library
from giornata.styles.training.held_out import HeldOut, load_held_out
from giornata.styles.training.painters import PaintersTrainer, TrainingFiles, TrainingProgress
from giornata.styles.training.recipe import Recipe, load_recipe
from giornata.styles.universal.network_files import FOLDER, load_network_card

PREVIEW_PHOTOS = 4
LINE_EVERY = 50  # steps, where there is no terminal


def train(
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
    """What the training reads, less what is held out. Raises `StyleError`."""
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
    """Means over the steps since it was made."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def add(self, progress: TrainingProgress) -> None:
        """One more step."""
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
