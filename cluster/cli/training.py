"""The showing of a training: a bar with the loss parts, previews on the way, the library at the end."""

import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from giornata.styles.training.pictures import SUFFIXES
from giornata.styles.training.preview import preview_sheet
from giornata.styles.training.publish import write_library
from giornata.styles.training.recipe import load_recipe
from giornata.styles.training.trainer import Trainer, TrainingFolders, TrainingProgress

PREVIEW_PHOTOS = 3
LINE_EVERY = 20  # steps, where there is no terminal


def train(
    recipe_path: Path,
    *,
    photos: tuple[Path, ...],
    paintings: Path,
    encoder: Path,
    deep_encoder: Path | None,
    work: Path,
    out: Path,
    device: str,
    checkpoint_every: int,
) -> None:
    """Train, preview at every checkpoint, publish. Raises `StyleError`."""
    recipe = load_recipe(recipe_path)
    folders = TrainingFolders(photos, paintings, encoder, deep_encoder, work)
    trainer = Trainer(recipe, folders, device=device)
    reached = trainer.resume()
    if reached:
        sys.stdout.write(f"going on from step {reached} of {recipe.steps}\n")
    shown = sorted(p for folder in photos for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    shown = shown[:: max(1, len(shown) // PREVIEW_PHOTOS)][:PREVIEW_PHOTOS]
    with steps_bar() as bar:
        task = bar.add_task("training", total=recipe.steps, completed=reached, words="")
        for progress in trainer.run(checkpoint_every=checkpoint_every):
            bar.update(task, completed=progress.step, words=loss_words(progress))
            if not bar.console.is_terminal and progress.step % LINE_EVERY == 0:
                sys.stdout.write(f"step {progress.step} of {progress.steps}: {loss_words(progress)}\n")
            if progress.step % checkpoint_every == 0:
                preview_sheet(trainer.network, shown, work / f"preview-{progress.step:06d}.png")
    cards = write_library(trainer.network, recipe, out)
    sheet = preview_sheet(trainer.network, shown, work / "preview.png")
    sys.stdout.write(f"{len(cards)} styles in {out}; look at {sheet} before you ship them\n")


def steps_bar() -> Progress:
    """The bar of a training."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )


def loss_words(progress: TrainingProgress) -> str:
    """Such as "loss 2.01 (content 0.51, style 1.20), 1.4 s a step"."""
    parts = progress.parts
    inside = f"content {parts.content:.2f}, style {parts.style:.2f}, identity {parts.identity:.3f}"
    return f"loss {progress.loss:.2f} ({inside}), {progress.seconds_per_step:.1f} s a step"
