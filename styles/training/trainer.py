"""The training loop: a recipe and pictures in, a network out; resumable, progress told as data."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from giornata.styles.errors import MissingPictures, TrainingDiverged
from giornata.styles.network import TransformerNetwork
from giornata.styles.training.objective import LossParts, Objective
from giornata.styles.training.pictures import PhotoCrops, read_picture, to_unit
from giornata.styles.training.recipe import Recipe, TrainingStage

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class TrainingProgress:
    """One finished step, for whoever shows it."""

    step: int
    steps: int
    loss: float
    parts: LossParts
    seconds_per_step: float


@dataclass(frozen=True)
class TrainingFolders:
    """Where the training reads from and where it keeps its checkpoint."""

    photos: tuple[Path, ...]
    paintings: Path
    encoder: Path
    deep_encoder: Path | None
    work: Path


def load_paintings(recipe: Recipe, folder: Path) -> list[Tensor]:
    """The recipe's paintings at stroke size: float32, each 3 x H x W, 0..1, cut to multiples of 16."""
    found = []
    for painting in recipe.paintings:
        path = folder / painting.image
        if not path.is_file():
            raise MissingPictures(str(folder), f"the painting {painting.image}")
        picture = to_unit(read_picture(path, painting.short_side_px))
        height, width = (side - side % 16 for side in picture.shape[1:])
        found.append(picture[:, :height, :width])
    return found


def draw_styles(recipe: Recipe, step: int) -> Tensor:
    """Style rows of one batch, int64: paintings in shuffled rounds so that each gets the same share.

    Depends only on the recipe's seed and the step, so a resumed run continues as if never stopped.
    """
    count = len(recipe.paintings)
    rows = []
    for sample in range(step * recipe.batch, (step + 1) * recipe.batch):
        turn = torch.Generator().manual_seed(recipe.seed + sample // count)
        rows.append(1 + int(torch.randperm(count, generator=turn)[sample % count]))
    chance = torch.Generator().manual_seed(recipe.seed + 7919 * step)
    identity = torch.rand(recipe.batch, generator=chance) < recipe.stage_at(step)[0].identity_share
    return torch.where(identity, 0, torch.tensor(rows))


class Trainer:
    """Holds what a step needs; `run` yields after every step."""

    def __init__(self, recipe: Recipe, folders: TrainingFolders, *, device: str = "cpu") -> None:
        self.recipe, self.folders, self.device = recipe, folders, torch.device(device)
        torch.manual_seed(recipe.seed)
        layout = torch.channels_last
        network = TransformerNetwork(styles=len(recipe.style_names), width=recipe.width, blocks=recipe.blocks)
        self.network = network.to(self.device).to(memory_format=layout)
        objective = Objective(recipe, folders.encoder, folders.deep_encoder)
        self.objective = objective.to(self.device).to(memory_format=layout)
        self.crops = PhotoCrops(folders.photos, crop_px=recipe.crop_px)
        paintings = [p.to(self.device) for p in load_paintings(recipe, folders.paintings)]
        self.objective.learn_styles(paintings)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.step = 0
        self.schedule = self._cycle()

    def resume(self) -> int:
        """Continue from the checkpoint in the work folder, if there is one; returns the step reached."""
        path = self.folders.work / CHECKPOINT
        if path.is_file():
            state = torch.load(path, weights_only=True, map_location=self.device)
            self.network.load_state_dict(state["network"])
            self.step = state["step"]
            self.schedule = self._cycle()
            if self.recipe.stage_at(self.step)[1]:
                self.schedule.load_state_dict(state["schedule"])
            # Last, because making a cycle sets the optimiser's rate to the cycle's first.
            self.optimizer.load_state_dict(state["optimizer"])
        return self.step

    def _cycle(self) -> torch.optim.lr_scheduler.OneCycleLR:
        """The learning-rate cycle of the stage the training is in, from its beginning."""
        stage = self.recipe.stage_at(self.step)[0]
        for group in self.optimizer.param_groups:
            group.pop("initial_lr", None)
        length = stage.cycle_steps or stage.steps
        return torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, stage.peak_rate, total_steps=length + 1, pct_start=0.1
        )

    def save(self) -> Path:
        """Write the checkpoint whole, or leave the old one."""
        self.folders.work.mkdir(parents=True, exist_ok=True)
        path = self.folders.work / CHECKPOINT
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)
        return path

    def run(self, *, checkpoint_every: int = 100) -> Iterator[TrainingProgress]:
        """Train to the recipe's last step, yielding progress after each. Raises `TrainingDiverged`."""
        while self.step < self.recipe.steps:
            started = time.monotonic()
            if self.step and not self.recipe.stage_at(self.step)[1]:
                self.schedule = self._cycle()
                if self.recipe.stage_at(self.step)[0].only_identity:
                    self.optimizer.state.clear()  # momentum would go on moving the paintings
            loss, parts = self._one_step()
            self.step += 1
            if self.step % checkpoint_every == 0 or self.step == self.recipe.steps:
                self.save()
            seconds = time.monotonic() - started
            yield TrainingProgress(self.step, self.recipe.steps, loss, parts, seconds)

    def _one_step(self) -> tuple[float, LossParts]:
        generator = torch.Generator().manual_seed(self.recipe.seed + 104729 * (self.step + 1))
        content = self.crops.draw(self.recipe.batch, generator)
        content = content.to(self.device, memory_format=torch.channels_last)
        stage = self.recipe.stage_at(self.step)[0]
        if stage.only_identity:
            loss, parts = self._identity_losses(content, stage, generator)
        else:
            rows = draw_styles(self.recipe, self.step).to(self.device)
            made = self.network(content, self._weights(rows))
            loss, parts = self.objective(made, content, rows, stage)
        if not torch.isfinite(loss):
            raise TrainingDiverged(self.step, float(loss))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if stage.only_identity:
            self._spare_the_paintings()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach()), parts

    def _weights(self, rows: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(rows, self.network.styles).float()

    def _identity_losses(
        self, content: Tensor, stage: TrainingStage, generator: torch.Generator
    ) -> tuple[Tensor, LossParts]:
        """The identity against the photograph, and its mixes with paintings against what lies between.

        Without the second part the identity's row wanders off, and half a strength is no longer half way.
        """
        count = len(content)
        rows = torch.randint(1, self.network.styles, (count,), generator=generator).to(self.device)
        share = (0.2 + 0.6 * torch.rand(count, 1, generator=generator)).to(self.device)
        painting, identity = self._weights(rows), self._weights(torch.zeros_like(rows))
        with torch.no_grad():
            painted = self.network(content, painting)
        between = torch.lerp(content, painted, share[:, :, None, None])
        alone = (self.network(content, identity) - content).abs().mean()
        mixed = (self.network(content, torch.lerp(identity, painting, share)) - between).abs().mean()
        parts = LossParts(0.0, 0.0, 0.0, float(mixed.detach()), float(alone.detach()))
        return stage.identity_weight * (alone + mixed), parts

    def _spare_the_paintings(self) -> None:
        """Drop every gradient but those of the identity's own rows."""
        for name, parameter in self.network.named_parameters():
            if not name.endswith(".table"):
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad[1:] = 0
