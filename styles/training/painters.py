"""Training the painters network: a recipe, photographs and paintings in, one network of many styles out.

Johnson et al. 2016 with the conditional normalisation of Dumoulin et al. 2017. Differing from both, every
loss network looks through random shifts, scales and noise, each painting's weight is steered while training
so that all paintings come equally close, and what is published is the average of the last weights.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import Tensor, nn

from giornata.atomic_file import atomic_write
from giornata.styles.errors import BadRecipe, MissingPictures, TrainingDiverged
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.training.painters_crops import Seen, VariedCrops
from giornata.styles.training.painters_loss import PaintersLoss
from giornata.styles.training.painters_norm import painted
from giornata.styles.training.painting_targets import painting_pixels
from giornata.styles.training.recipe import Painting, Recipe, StageKind, TrainingStage
from giornata.styles.training.universal_painter import UniversalPainter

CHECKPOINT = "painters.pt"
FIRST_AVERAGED_STEP = 200
MOST_LEFT_OUT = 10  # steps in a row whose gradient is no number
FACTORS = (0.25, 4.0)  # how far a painting's weight may be steered


@dataclass(frozen=True)
class TrainingFiles:
    """Files that a training reads, and the folder of its checkpoint."""

    photos: tuple[Path, ...]
    paintings: Path
    encoder: Path
    deep_encoder: Path
    work: Path
    universal: Path | None = None  # the network that stages of the kind `distil` learn from


@dataclass(frozen=True)
class TrainingProgress:
    """One finished step: its number, the stage's kind, and the unweighted parts of the loss."""

    step: int
    steps: int
    kind: StageKind
    parts: dict[str, float]
    seconds_per_step: float


def load_paintings(paintings: Sequence[Painting], folder: Path) -> list[Tensor]:
    """The paintings at stroke size, less the grain of the scan: float32, each 3 x H x W, sRGB 0..1."""
    pictures = []
    for painting in paintings:
        path = folder / painting.image
        if not path.is_file():
            raise MissingPictures(str(folder), f"the painting {painting.image}")
        pictures.append(without_grain(painting_pixels(path, painting.short_side_px)[0], painting.median_px))
    return pictures


def without_grain(picture: Tensor, side: int) -> Tensor:
    """`picture` (float32, 3 x H x W, 0..1) through a median of `side` px; 1 leaves it."""
    if side == 1:
        return picture
    samples = (picture * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    calm = Image.fromarray(samples).filter(ImageFilter.MedianFilter(side))
    values = torch.frombuffer(bytearray(calm.tobytes()), dtype=torch.uint8)
    return values.view(calm.height, calm.width, 3).permute(2, 0, 1).float() / 255


def draw_styles(recipe: Recipe, stage: TrainingStage, step: int) -> Tensor:
    """Style rows of one batch, int64: paintings in shuffled rounds so that each gets the same share.

    Depends only on the recipe's seed and the step, so a resumed run continues as if never stopped.
    """
    count = len(recipe.paintings)
    rows = []
    for sample in range(step * stage.batch, (step + 1) * stage.batch):
        turn = torch.Generator().manual_seed(recipe.seed + sample // count)
        rows.append(1 + int(torch.randperm(count, generator=turn)[sample % count]))
    draws = torch.Generator().manual_seed(recipe.seed + 7919 * step)
    identity = torch.rand(stage.batch, generator=draws) < stage.identity_share
    return torch.where(identity, 0, torch.tensor(rows))


class PaintersTrainer:
    """Network, losses and data of one training; `run` yields after every step."""

    def __init__(self, recipe: Recipe, files: TrainingFiles, *, device: str = "cpu") -> None:
        self.recipe, self.files, self.device = recipe, files, torch.device(device)
        self.network = self._fresh()
        self.average = self._fresh().requires_grad_(False)
        self.loss = PaintersLoss(files.encoder, files.deep_encoder).to(self.device)
        paintings = load_paintings(recipe.paintings, files.paintings)
        self.loss.learn_styles([painting.to(self.device) for painting in paintings])
        self.painter = self._painter(paintings)
        self.factors = torch.ones(len(recipe.paintings))
        self.distances = torch.zeros(2, len(recipe.paintings))  # summed since the last steering, and how many
        self.crops: VariedCrops | None = None
        self.step = self.left_out = 0
        self.optimizer = self._optimizer()

    def _fresh(self) -> TransformerNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            network = TransformerNetwork(styles=len(self.recipe.style_names), shape=self.recipe.shape)
        return network.to(self.device).to(memory_format=torch.channels_last)

    def _painter(self, paintings: Sequence[Tensor]) -> UniversalPainter | None:
        if all(stage.kind is not StageKind.DISTIL for stage in self.recipe.stages):
            return None
        if self.files.universal is None:
            raise BadRecipe(self.recipe.name, "a stage distils, and no universal network was given")
        return UniversalPainter(self.files.universal, paintings, device=self.device)

    def _optimizer(self) -> torch.optim.Adam:
        return torch.optim.Adam(self.network.parameters(), betas=(0.9, 0.99))

    def resume(self) -> int:
        """Go on from the checkpoint in the work folder, if there is one; returns the step reached."""
        path = self.files.work / CHECKPOINT
        if path.is_file():
            state = torch.load(path, weights_only=True, map_location=self.device)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.factors, self.distances = state["factors"].cpu(), state["distances"].cpu()
            self.step = state["step"]
        return self.step

    def save(self) -> Path:
        """Write the checkpoint whole, or leave the old one."""
        self.files.work.mkdir(parents=True, exist_ok=True)
        path = self.files.work / CHECKPOINT
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "factors": self.factors,
            "distances": self.distances,
            "step": self.step,
        }
        with atomic_write(path) as part:
            torch.save(state, part)
        return path

    def run(self, *, checkpoint_every: int = 200) -> Iterator[TrainingProgress]:
        """Train to the recipe's last step. Raises `TrainingDiverged`."""
        while self.step < self.recipe.steps:
            started = time.monotonic()
            stage, done = self.recipe.stage_at(self.step)
            if done == 0:
                self.optimizer = self._optimizer()  # momentum of another balance would only mislead
            parts = self._one_step(stage, done)
            self.step += 1
            if self.step % self.recipe.steer_every == 0:
                self._steer()
            if self.step % checkpoint_every == 0 or self.step == self.recipe.steps:
                self.save()
            seconds = time.monotonic() - started
            yield TrainingProgress(self.step, self.recipe.steps, stage.kind, parts, seconds)

    def _draw(self, stage: TrainingStage, generator: torch.Generator) -> Seen:
        if self.crops is None or self.crops.crop_px != stage.crop_px:
            self.crops = VariedCrops(self.files.photos, crop_px=stage.crop_px)
        seen = self.crops.draw(stage.batch, generator)
        given, clean = (
            pixels.to(self.device, memory_format=torch.channels_last) for pixels in (seen.given, seen.clean)
        )
        return Seen(given, clean)

    def _one_step(self, stage: TrainingStage, done: int) -> dict[str, float]:
        generator = torch.Generator().manual_seed(self.recipe.seed + 104729 * (self.step + 1))
        seen = self._draw(stage, generator)
        with torch.autocast(self.device.type, torch.bfloat16):
            if stage.kind is StageKind.IDENTITY:
                loss, parts = self._identity(seen, stage, generator)
            else:
                loss, parts = self._style(seen, stage, generator)
        for group in self.optimizer.param_groups:
            group["lr"] = stage.rate_at(done)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if stage.kind is StageKind.IDENTITY:
            self._spare_the_paintings()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.left_out = 0 if torch.isfinite(norm) else self.left_out + 1
        if self.left_out > MOST_LEFT_OUT:
            raise TrainingDiverged(self.step, float(loss.detach()))
        if not self.left_out:
            self.optimizer.step()
            self._average()
        return parts

    def _weights(self, rows: Tensor) -> Tensor:
        return nn.functional.one_hot(rows, self.network.styles).float().to(self.device)

    def _style(
        self, seen: Seen, stage: TrainingStage, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Painted samples by the perceptual losses, the others by their likeness to the photograph."""
        rows = draw_styles(self.recipe, stage, self.step)
        output = painted(self.network, seen.given, self._weights(rows))
        styled, identity = (rows > 0).nonzero().flatten(), (rows == 0).nonzero().flatten()
        total, parts = output.new_zeros(()), {}
        if len(styled):
            indices = rows[styled] - 1
            anchor = self._anchor(pick(seen.clean, styled), indices, stage)
            losses = self.loss(pick(output, styled), anchor, indices, generator)
            factors = self.factors[indices].to(self.device)
            per_sample = (
                stage.style_weight * factors * losses.style
                + stage.content_weight * losses.content
                + stage.variation_weight * losses.variation
                + stage.unrest_weight * losses.unrest
                + stage.lattice_weight * losses.lattice
            )
            total = total + per_sample.sum() / stage.batch
            self._remember(indices, losses.style)
            parts = {name: float(value.detach().mean()) for name, value in vars(losses).items()}
            if stage.kind is StageKind.DISTIL:
                likeness = likeness_of(pick(output, styled), anchor)
                total = total + stage.likeness_weight * likeness.sum() / stage.batch
                parts["likeness"] = float(likeness.detach().mean())
        if len(identity):
            likeness = (pick(output, identity) - pick(seen.clean, identity)).abs().mean((1, 2, 3))
            total = total + stage.identity_weight * likeness.sum() / stage.batch
            parts["identity"] = float(likeness.detach().mean())
        return total, parts

    def _anchor(self, photos: Tensor, paintings: Tensor, stage: TrainingStage) -> Tensor:
        """The picture that a painted one's content is compared with."""
        if stage.kind is not StageKind.DISTIL or self.painter is None:
            return photos
        return self.painter(photos, paintings.to(self.device), structure=stage.structure)

    def _identity(
        self, seen: Seen, stage: TrainingStage, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Loss of the identity against the photograph, and of its mixes with paintings against blends.

        Without the second part the identity's row wanders off, and half a strength is no longer half way.
        """
        count = len(seen.clean)
        rows = torch.randint(1, self.network.styles, (count,), generator=generator)
        share = (0.2 + 0.6 * torch.rand(count, 1, generator=generator)).to(self.device)
        painting, identity = self._weights(rows), self._weights(torch.zeros_like(rows))
        with torch.no_grad():
            whole = painted(self.network, seen.clean, painting)
        between = torch.lerp(seen.clean, whole, share[:, :, None, None])
        alone = (painted(self.network, seen.clean, identity) - seen.clean).abs().mean()
        mixture = torch.lerp(identity, painting, share)
        mixed = (painted(self.network, seen.clean, mixture) - between).abs().mean()
        parts = {"identity": float(alone.detach()), "mixed": float(mixed.detach())}
        return stage.identity_weight * (alone + mixed), parts

    def _spare_the_paintings(self) -> None:
        """Drop every gradient but those of the identity's own rows."""
        for name, parameter in self.network.named_parameters():
            if not name.endswith(".table"):
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad[1:] = 0

    def _remember(self, paintings: Tensor, distances: Tensor) -> None:
        values = distances.detach().float().cpu()
        self.distances[0].index_add_(0, paintings, values)
        self.distances[1].index_add_(0, paintings, torch.ones_like(values))

    def _steer(self) -> None:
        """Move each painting's weight towards where its style distance would be its goal."""
        mean = self.distances[0] / self.distances[1]
        has_distance = self.distances[1] > 0
        goals = torch.tensor(self.recipe.style_goals)
        moved = (self.factors * (mean / goals).sqrt()).clamp(*FACTORS)
        self.factors = torch.where(has_distance, moved, self.factors)
        self.distances.zero_()

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights: what is published."""
        keep = self.recipe.averaging if self.step >= FIRST_AVERAGED_STEP else 0.0
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - keep)


def likeness_of(output: Tensor, target: Tensor) -> Tensor:
    """Mean distance of two batches, at full size and without their finest detail, N."""
    fine = (output - target).abs().mean((1, 2, 3))
    coarse = (F.avg_pool2d(output, 4) - F.avg_pool2d(target, 4)).abs().mean((1, 2, 3))
    return 0.5 * (fine + coarse)


def pick(pixels: Tensor, rows: Tensor) -> Tensor:
    """The samples `rows` of a batch, still channels last."""
    if len(rows) == len(pixels):
        return pixels
    return pixels[rows.to(pixels.device)].contiguous(memory_format=torch.channels_last)
