"""The showing of a distillation: a line now and then, the encoder and its card at the end."""

import sys
from pathlib import Path

from giornata.styles.training.distillation import DistillationPlan, DistillationProgress, Distiller
from giornata.styles.training.export import publish_encoder
from giornata.styles.training.held_out import load_held_out

LINE_EVERY = 20  # steps
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
        if progress.step % LINE_EVERY == 0:
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
    return {layer: sum(one.missed[layer] for one in seen) / len(seen) for layer in seen[0].missed}


def missed_words(missed: dict[str, float]) -> str:
    """Such as "missed relu1_1 0.05, relu2_1 0.12"."""
    return "missed " + ", ".join(f"{layer} {share:.3f}" for layer, share in missed.items())
