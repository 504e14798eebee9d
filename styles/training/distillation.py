"""Distilling the compact encoder: a thin VGG-like network learns to see what VGG-19 sees.

Every tapped layer of the student is asked, through a linear map of its own, for the teachers' features of
the layer of the same name and for their Gram matrices. The maps are not shipped: what they measure is, as
one square matrix a layer (`publish_encoder`).
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from giornata.atomic_file import atomic_write
from giornata.styles.errors import TrainingDiverged
from giornata.styles.perception.encoder import Encoder, Preprocessing, random_weights
from giornata.styles.perception.vgg import COMPACT, Architecture
from giornata.styles.training.data import PhotoCrops, pictures_in
from giornata.styles.training.teachers import CompressedVgg19, Vgg19, gram

CHECKPOINT = "distillation.pt"
TRUE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
DEEP_LAYERS = ("relu4_1", "relu4_2", "relu5_1")
TAPS = (*TRUE_LAYERS, *DEEP_LAYERS)
DEEP_BORDER = 1  # positions; the compressed teacher pads by reflection, we by zeros
GRAM_WEIGHT = 0.3
TRUE_WEIGHT = 2.0  # of the layers of VGG-19 itself: many channels, each rectified, are hard to follow
SAMPLE = 16  # crops that fix the scales
APART_SHARE = 0.3  # of the steps, in which every tapped layer learns for itself
RIDGE = 1e-3  # of the mean energy, when the maps are first fitted


@dataclass(frozen=True)
class DistillationPlan:
    """How long and on what; `peak_rate` is of one cycle of Adam.

    A distillation that is done goes on when `steps` is raised: with a cycle of its own at this rate.
    """

    steps: int = 6000
    batch: int = 5
    crop_px: int = 128
    peak_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True)
class Cycle:
    """Steps on one rise and fall of the rate."""

    steps: int
    peak_rate: float


@dataclass(frozen=True)
class DistillationProgress:
    """One finished step: the share of each teacher layer's energy that the student misses."""

    step: int
    steps: int
    missed: dict[str, float]
    seconds_per_step: float


class Student(nn.Module):
    """The compact network with trainable convolutions and a linear map onto every teacher layer."""

    def __init__(self, architecture: Architecture, channels: dict[str, int], *, seed: int) -> None:
        super().__init__()
        self.architecture = architecture
        weights = random_weights(architecture, seed=seed)
        self.weights = nn.ParameterDict(
            {key.replace(".", "_"): nn.Parameter(value) for key, value in weights.items()}
        )
        self.heads = nn.ModuleDict(
            {layer: nn.Conv2d(architecture.find(layer).outputs, channels[layer], 1) for layer in TAPS}
        )

    def forward(self, pixels: Tensor, *, apart: bool = False) -> dict[str, Tensor]:
        """The student's prediction of every teacher layer; see `features` for `apart`."""
        return {
            layer: self.head(layer)(features)
            for layer, features in self.features(pixels, apart=apart).items()
        }

    def head(self, layer: str) -> nn.Conv2d:
        """The linear map onto a teacher layer."""
        head = self.heads[layer]
        assert isinstance(head, nn.Conv2d)  # noqa: S101 - as made above
        return head

    @torch.no_grad()
    def fit_heads(self, pixels: Tensor, targets: dict[str, Tensor]) -> None:
        """Set the maps to the least squares solution for one batch: a start that saves hundreds of steps."""
        for layer, features in self.features(pixels).items():
            student = features.permute(1, 0, 2, 3).flatten(1).double()
            teacher = targets[layer].permute(1, 0, 2, 3).flatten(1).double()
            student = torch.cat([student, torch.ones_like(student[:1])])
            square = student @ student.T
            square += RIDGE * square.trace() / len(square) * torch.eye(len(square))
            solved = torch.linalg.solve(square, student @ teacher.T).T.float()
            head = self.head(layer)
            head.weight.copy_(solved[:, :-1, None, None])
            if head.bias is not None:
                head.bias.copy_(solved[:, -1])

    def features(self, pixels: Tensor, *, apart: bool = False) -> dict[str, Tensor]:
        """The student's own tapped layers, padded as `Encoder` does.

        With `apart` each tapped layer learns from its own likeness alone: at the beginning the deep layers'
        gradients are noise, and would drown what the first ones have to learn.
        """
        features, seen = F.pad(pixels * 2 - 1, (1, 1, 1, 1), mode="replicate"), {}
        for conv in self.architecture.convolutions():
            if conv.opens_block:
                features = F.avg_pool2d(features, 2)
            weight, bias = (self.weights[f"conv{conv.key}_{part}"] for part in ("weight", "bias"))
            features = F.relu(F.conv2d(features, weight, bias, padding=0 if conv.key == "1_1" else 1))
            if f"relu{conv.key}" in TAPS:
                seen[f"relu{conv.key}"] = features
                features = features.detach() if apart else features
        return seen

    def shipped(self) -> dict[str, Tensor]:
        """Weights of an `Encoder`: the convolutions, and for each tap the root of what its map measures.

        For a map W and features f, |W f| = |K f| with K the symmetric root of the transpose of W times W;
        the same holds for Gram matrices in the Frobenius norm.
        """
        out = {key.replace("_weight", ".weight").replace("_bias", ".bias"): value.detach()
               for key, value in self.weights.items()}  # fmt: skip
        for layer in self.heads:
            matrix = self.head(layer).weight.detach()[:, :, 0, 0].double()
            values, vectors = torch.linalg.eigh(matrix.T @ matrix)
            root = vectors * values.clamp_min(0).sqrt() @ vectors.T
            out[layer.replace("relu", "tap") + ".weight"] = root.float()
        return out


class Teachers(nn.Module):
    """The true shallow layers and a compressed network's deep ones, each scaled to a mean square of one."""

    def __init__(self, encoder: Path, deep_encoder: Path) -> None:
        super().__init__()
        self.true, self.deep = Vgg19(encoder, maximum=True), CompressedVgg19(deep_encoder)
        self.scales: dict[str, Tensor] = {}
        # Of a sample and not of each batch: a calm batch would shout.
        self.spreads: dict[str, Tensor] = {}
        self.energies: dict[str, Tensor] = {}

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Features by layer, scaled once `learn_scales` has been called."""
        seen = {**self.true(pixels, frozenset(TRUE_LAYERS)), **self.deep(pixels, frozenset(DEEP_LAYERS))}
        return {layer: seen[layer] * self.scales.get(layer, 1.0) for layer in TAPS}

    def learn_scales(self, pixels: Tensor) -> dict[str, int]:
        """Fix the scales by a batch; returns the channels of every layer."""
        seen = self(pixels)
        self.scales = {layer: features.square().mean().rsqrt() for layer, features in seen.items()}
        scaled = self(pixels)
        self.spreads = {layer: spread(features) for layer, features in scaled.items()}
        self.energies = {layer: gram(features).square().mean() for layer, features in scaled.items()}
        return {layer: features.shape[1] for layer, features in seen.items()}


def spread(features: Tensor) -> Tensor:
    """Variance by channel, averaged: N x C x h x w -> a scalar.

    Deep channels are far from zero nearly everywhere: a share of their energy would be met by a constant.
    """
    return (features - features.mean((0, 2, 3), keepdim=True)).square().mean()


def unusual(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Crops as an optimisation meets them on its way: some noisy, some mixed, some of other contrast."""
    count = len(crops)
    draw = torch.rand(4, count, 1, 1, 1, generator=generator)
    noisy = crops + torch.randn(crops.shape, generator=generator) * 0.08 * draw[0]
    mixed = torch.lerp(crops, crops.roll(1, 0), 0.5 * draw[1])
    strong = (crops - 0.5) * (0.5 + draw[2]) + 0.5
    choice = draw[3]
    picked = torch.where(choice < 0.25, noisy, torch.where(choice < 0.4, mixed, strong))
    return torch.where(choice < 0.6, picked, crops).clamp(-0.1, 1.1)


class Distiller:
    """State of a distillation; `run` yields after every step."""

    def __init__(
        self,
        plan: DistillationPlan,
        *,
        pictures: tuple[Path, ...],
        encoder: Path,
        deep_encoder: Path,
        work: Path,
        without: Collection[str] = (),
        architecture: Architecture = COMPACT,
    ) -> None:
        """`pictures` are folders; `without` are stems of files that are kept for judging."""
        self.plan, self.work = plan, work
        self.crops = PhotoCrops.of_files(pictures_in(pictures, without=without), crop_px=plan.crop_px)
        self.teachers = Teachers(encoder, deep_encoder).to(memory_format=torch.channels_last)
        sample = self.crops.draw(SAMPLE, torch.Generator().manual_seed(plan.seed))
        channels = self.teachers.learn_scales(sample)
        self.student = Student(architecture, channels, seed=plan.seed)
        self.student.fit_heads(sample, self.teachers(sample))
        self.optimizer = torch.optim.Adam(self.student.parameters(), betas=(0.9, 0.99))
        self.step = 0
        self.cycles: tuple[Cycle, ...] = (Cycle(plan.steps, plan.peak_rate),)
        self.schedule = self._schedule()

    @property
    def encoder(self) -> Encoder:
        """The student as it is now."""
        return Encoder(self.student.architecture, self.student.shipped(), preprocessing=Preprocessing.CENTRED)

    def resume(self) -> int:
        """Go on from the checkpoint, if there is one; returns the step reached."""
        path = self.work / CHECKPOINT
        if path.is_file():
            state = torch.load(path, weights_only=True)
            self.student.load_state_dict(state["student"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.cycles = state["step"], tuple(Cycle(*fields) for fields in state["cycles"])
            if self.plan.steps > sum(cycle.steps for cycle in self.cycles):
                self._begin_cycle()
            else:
                self.schedule = self._schedule()
                self.schedule.load_state_dict(state["schedule"])
        return self.step

    def _schedule(self) -> OneCycleLR:
        cycle = self.cycles[-1]
        return OneCycleLR(self.optimizer, cycle.peak_rate, total_steps=cycle.steps + 1, pct_start=0.05)

    def _begin_cycle(self) -> None:
        """A new rise and fall of the rate over the steps that are left; the last one ends where it is."""
        *before, last = self.cycles
        done = last.steps - (sum(cycle.steps for cycle in self.cycles) - self.step)
        ended = (*before, Cycle(done, last.peak_rate)) if done else tuple(before)
        self.cycles = (*ended, Cycle(self.plan.steps - self.step, self.plan.peak_rate))
        self.schedule = self._schedule()

    def save(self) -> None:
        """Write the checkpoint whole, or leave the old one."""
        self.work.mkdir(parents=True, exist_ok=True)
        state = {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
            "cycles": [(cycle.steps, cycle.peak_rate) for cycle in self.cycles],
        }
        with atomic_write(self.work / CHECKPOINT) as part:
            torch.save(state, part)

    def run(self, *, checkpoint_every: int = 100) -> Iterator[DistillationProgress]:
        """Train to the plan's last step. Raises `TrainingDiverged`."""
        while self.step < self.plan.steps:
            started = time.monotonic()
            parts = self._one_step()
            self.step += 1
            if self.step % checkpoint_every == 0 or self.step == self.plan.steps:
                self.save()
            yield DistillationProgress(self.step, self.plan.steps, parts, time.monotonic() - started)

    def _one_step(self) -> dict[str, float]:
        generator = torch.Generator().manual_seed(self.plan.seed + 104729 * (self.step + 1))
        pixels = unusual(self.crops.draw(self.plan.batch, generator), generator)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):  # four times the speed where the processor has the units
            apart = self.step < APART_SHARE * self.cycles[0].steps
            targets, outputs = self.teachers(pixels), self.student(pixels, apart=apart)
        losses, parts = [], {}
        for layer in TAPS:
            edge = DEEP_BORDER if layer in DEEP_LAYERS else 0
            student, teacher = (
                tensor[:, :, edge : tensor.shape[2] - edge, edge : tensor.shape[3] - edge].float()
                for tensor in (outputs[layer], targets[layer])
            )
            feature = (student - teacher).square().mean() / self.teachers.spreads[layer]
            style = (gram(student) - gram(teacher)).square().mean() / self.teachers.energies[layer]
            weight = TRUE_WEIGHT if layer in TRUE_LAYERS else 1.0
            losses.append(weight * (feature + GRAM_WEIGHT * style))
            parts[layer] = float(feature.detach())
        loss = torch.stack(losses).sum()
        if not torch.isfinite(loss):
            raise TrainingDiverged(self.step, float(loss))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        return parts
