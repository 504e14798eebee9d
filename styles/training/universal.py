"""Training the universal network: first to see and to rebuild pictures, then to paint.

Stage `see`: the encoder learns the features of a compressed VGG-19, channel by channel and level by level,
and is frozen from then on. Nothing that helps rebuilding reaches it: what that adds to the teacher's maps,
whitening scatters over the picture (docs/decisions/0012). Stage `undo`: each decoder block learns to undo its
encoder block, by itself; stage `rebuild`: all of them in a chain. Stage `paint`: the statistics of random
paintings are imposed at random depths, and the decoder learns from style and content losses as in Huang and
Belongie 2017, seen through random shifts, scales and noise. Stage `distil`: the decoder learns to paint from
imposed statistics what a cascade of five larger networks paints (`wct_teacher`).
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from giornata.atomic_file import atomic_write
from giornata.styles.errors import MissingPictures, TrainingDiverged
from giornata.styles.training.data import PhotoCrops
from giornata.styles.training.painting_targets import PaintingTargets
from giornata.styles.training.perceptual_loss import PerceptualLoss
from giornata.styles.training.teacher_pairs import TeacherPairs
from giornata.styles.training.teachers import CompressedVgg19
from giornata.styles.training.universal_recipe import UniversalRecipe, UniversalStage
from giornata.styles.universal.batch_transform import painted
from giornata.styles.universal.network import (
    LEVELS,
    SECOND,
    UniversalNetwork,
    seeded,
)

CHECKPOINT, TARGETS, PAIRS = "universal.pt", "targets.pt", "pairs"
REBUILDING = frozenset({"see", "undo", "rebuild"})  # stages that need no style
TEACHER_LAYERS = tuple(f"conv{level}_1" for level in range(2, LEVELS + 1))  # level 1 is the picture
FIRST_AVERAGED_STEP = 200
LEAST_VARIANCE = 1e-5  # of the mean variance of components, added to each
FIRST_RESPONSE = 0.1
COLOURS, COLOUR_SCALE = 3, 4.0  # of pixels 0..1, so that their variance is about one
COMPONENT_SAMPLE = 48  # crops that the components of the teacher are found on


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of a layer, brought to a variance of about one each.

    Nine tenths of a layer's variance are one direction, in which nothing but brightness is told. A student of
    the responses themselves learns that, misses a hundredth, and has missed all texture.
    """

    matrix: Tensor  # C x C
    mean: Tensor  # C

    @classmethod
    def of(cls, features: Tensor) -> "Components":
        """Components of `features`, N x C x h x w; the least are brought to less."""
        flat = features.double().permute(1, 0, 2, 3).flatten(1)
        mean = flat.mean(1, keepdim=True)
        values, vectors = torch.linalg.eigh((flat - mean) @ (flat - mean).T / flat.shape[1])
        values, vectors = values.flip(0), vectors.flip(1)
        floor = LEAST_VARIANCE * values.mean()
        return cls((vectors / (values + floor).sqrt()).T.float(), mean[:, 0].float())

    def __call__(self, features: Tensor) -> Tensor:
        """N x C x h x w, float32."""
        return F.conv2d(features - self.mean.view(1, -1, 1, 1), self.matrix[:, :, None, None])


@dataclass(frozen=True)
class UniversalProgress:
    """One finished step: its number, the stage's kind, and the unweighted parts of the loss."""

    step: int
    steps: int
    kind: str
    parts: dict[str, float]
    seconds_per_step: float


class UniversalTrainer:
    """Network, teachers and data of one training; `run` yields after every step."""

    def __init__(
        self,
        recipe: UniversalRecipe,
        *,
        photos: Sequence[Path],
        paintings: Sequence[Path],
        encoder: Path,
        deep_encoder: Path,
        work: Path,
        teachers: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """`teachers` is the folder that `wct_teacher` reads, for recipes with a stage `distil`."""
        self.teachers = teachers
        self.recipe, self.work, self.device = recipe, work, torch.device(device)
        self.photos, self.paintings = tuple(photos), tuple(paintings)
        self.network = self._placed(quiet(seeded(recipe.seed, SECOND, reflect=False)))
        self.average = self._placed(seeded(recipe.seed, SECOND, reflect=False)).requires_grad_(False)
        self.deep = CompressedVgg19(deep_encoder).to(self.device)
        self.loss = PerceptualLoss(encoder, deep_encoder).to(self.device)
        torch.manual_seed(recipe.seed)
        self.components: list[Components] = []
        self.targets: PaintingTargets | None = None
        self.crops: PhotoCrops | None = None
        self.pairs: TeacherPairs | None = None
        self.step = 0
        self.optimizer = self._optimizer()

    @staticmethod
    def averaged(work: Path) -> tuple[UniversalNetwork, int]:
        """The averaged network of a checkpoint, and its step. Raises `MissingPictures` when there is none."""
        path = work / CHECKPOINT
        if not path.is_file():
            raise MissingPictures(str(work), f"a checkpoint {CHECKPOINT}")
        state = torch.load(path, weights_only=True, map_location="cpu")
        network = UniversalNetwork(SECOND)
        network.load_state_dict(state["average"])
        return network.eval(), int(state["step"])

    def _placed(self, network: UniversalNetwork) -> UniversalNetwork:
        return network.to(self.device).to(memory_format=torch.channels_last)

    def _optimizer(self) -> torch.optim.Adam:
        return torch.optim.Adam(self.network.parameters(), betas=(0.9, 0.99))

    def resume(self) -> int:
        """Go on from the checkpoint in the work folder, if there is one; returns the step reached."""
        path = self.work / CHECKPOINT
        if path.is_file():
            state = torch.load(path, weights_only=True, map_location=self.device)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.components = [Components(*tensors) for tensors in state["components"]]
            self.step = state["step"]
        return self.step

    def save(self) -> None:
        """Write the checkpoint whole, or leave the old one."""
        self.work.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "components": [(layer.matrix, layer.mean) for layer in self.components],
            "step": self.step,
        }
        with atomic_write(self.work / CHECKPOINT) as part:
            torch.save(state, part)

    def run(self, *, checkpoint_every: int = 200) -> Iterator[UniversalProgress]:
        """Train to the recipe's last step. Raises `TrainingDiverged`."""
        while self.step < self.recipe.steps:
            started = time.monotonic()
            stage, done = self.recipe.stage_at(self.step)
            if done == 0 or self.crops is None:
                self._enter(stage, fresh=done == 0)
            parts = self._one_step(stage, done)
            self.step += 1
            if self.step % checkpoint_every == 0 or self.step == self.recipe.steps:
                self.save()
            seconds = time.monotonic() - started
            yield UniversalProgress(self.step, self.recipe.steps, stage.kind, parts, seconds)

    def _enter(self, stage: UniversalStage, *, fresh: bool) -> None:
        """Prepare data and targets of a stage; a fresh one begins without momentum."""
        sources = (*self.photos, *self.paintings) if stage.kind in REBUILDING else self.photos
        self.crops = PhotoCrops.of_files(sources, crop_px=stage.crop_px)
        if fresh:
            self.optimizer = self._optimizer()
        for module in (self.network.openings, self.network.encoders):
            module.requires_grad_(stage.kind == "see")
        self.network.opening(1).requires_grad_(False)
        if stage.kind not in REBUILDING and self.targets is None:
            self.targets = self._targets()
        if stage.kind == "distil":
            self.pairs = self.teacher_pairs()
        if not self.components:
            sample = self._draw(COMPONENT_SAMPLE, torch.Generator().manual_seed(self.recipe.seed))
            with torch.no_grad():
                seen = self.deep(sample, frozenset(TEACHER_LAYERS))
            self.components = [Components.of(seen[layer]) for layer in TEACHER_LAYERS]

    def teacher_pairs(self) -> TeacherPairs:
        """Pairs that the stage `distil` learns from. Raises `MissingPictures` when no teachers were given."""
        if self.teachers is None:
            raise MissingPictures("a stage `distil`", "the folder of its teachers")
        (crop_px,) = {stage.crop_px for stage in self.recipe.stages if stage.kind == "distil"}
        return TeacherPairs(
            self.work / PAIRS,
            self.teachers,
            PhotoCrops.of_files(self.photos, crop_px=crop_px),
            self.paintings,
            sides_px=self.recipe.painting_sides_px,
            seed=self.recipe.seed,
        )

    def _targets(self) -> PaintingTargets:
        """Targets of the paintings, learnt once for the encoder as it is now."""
        sides, path = self.recipe.painting_sides_px, self.work / TARGETS
        state = b"".join(p.detach().cpu().numpy().tobytes() for p in self.network.openings.parameters())
        names = f"{[painting.name for painting in self.paintings]} {sides}"
        key = hashlib.blake2b(state + names.encode()).hexdigest()
        targets = PaintingTargets.kept(path, key, self.device)
        if targets is None:
            targets = PaintingTargets.learnt(self.network, self.loss, self.paintings, sides_px=sides)
            self.work.mkdir(parents=True, exist_ok=True)
            targets.save(path, key)
        return targets

    def _draw(self, count: int, generator: torch.Generator) -> Tensor:
        assert self.crops is not None  # noqa: S101 - made on entering a stage
        return self.crops.draw(count, generator).to(self.device, memory_format=torch.channels_last)

    def _one_step(self, stage: UniversalStage, done: int) -> dict[str, float]:
        generator = torch.Generator().manual_seed(self.recipe.seed + 104729 * (self.step + 1))
        pixels = self._draw(stage.batch, generator) if stage.kind != "distil" else torch.empty(0)
        with torch.autocast(self.device.type, torch.bfloat16):
            losses = self._losses(pixels, stage, generator)
        weights = stage.weights
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        if not torch.isfinite(loss):
            raise TrainingDiverged(self.step, float(loss))
        for group in self.optimizer.param_groups:
            group["lr"] = stage.rate_at(done)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        if torch.isfinite(norm):  # one overflow of half precision must not end a night's training
            self.optimizer.step()
        self._average()
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights: what is published."""
        keep = self.recipe.averaging if self.step >= FIRST_AVERAGED_STEP else 0.0
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - keep if value.requires_grad else 1.0)  # a frozen encoder is what it is

    def _losses(self, pixels: Tensor, stage: UniversalStage, generator: torch.Generator) -> dict[str, Tensor]:
        match stage.kind:
            case "see":
                return self._see(pixels)
            case "undo":
                return self._undo(pixels)
            case "rebuild":
                return self._rebuild(pixels, stage, generator)
            case "paint":
                return self._paint(pixels, stage, generator)
            case "distil":
                return self._distil(stage, generator)

    def _see(self, pixels: Tensor) -> dict[str, Tensor]:
        """Likeness of the encoder to the teacher, each level learning by itself."""
        learnt = [self.network.open(pixels)]
        for level in range(1, LEVELS):
            learnt.append(self.network.deeper(learnt[-1].detach(), level))
        with torch.no_grad():
            targets = self._wanted(pixels)
        colours = [
            missed(own[:, -COLOURS:], target[:, -COLOURS:])
            for own, target in zip(learnt[1:], targets, strict=True)
        ]
        return {"sight": mean_missed(learnt[1:], targets), "colours": torch.stack(colours).mean()}

    def _undo(self, pixels: Tensor) -> dict[str, Tensor]:
        """Likeness of each decoder block, by itself, to what it undoes."""
        with torch.no_grad():
            features = self.network.encode(pixels)
        undone = [self.network.shallower(features[level - 1], level) for level in range(2, LEVELS + 1)]
        return {"blocks": mean_missed(undone, features)}

    def _rebuild(
        self, pixels: Tensor, stage: UniversalStage, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Likeness of blocks to what they undo, and of the picture rebuilt from a level."""
        with torch.no_grad():
            features = self.network.encode(pixels)
        shares = torch.tensor(self.recipe.entry_shares)
        entry = 1 + torch.multinomial(shares, len(pixels), replacement=True, generator=generator)
        entry = entry.to(self.device).view(-1, 1, 1, 1)
        current, undone = features[-1], list[Tensor]()
        for level in range(LEVELS, 1, -1):
            decoded = self.network.shallower(current, level)
            undone.insert(0, decoded)
            current = torch.where(entry >= level, decoded, features[level - 2])
        rebuilt = self.network.shallower(current, 1).float()
        losses = {
            "blocks": mean_missed(undone, features),
            "pixels": (rebuilt - pixels).square().mean(),
            "edges": (rebuilt - pixels).abs().mean(),
        }
        if stage.weights.get("seen"):
            with torch.no_grad():
                targets = self._wanted(pixels)
            losses["seen"] = mean_missed(self._wanted(rebuilt), targets).log1p()
        return losses

    def _wanted(self, pixels: Tensor) -> list[Tensor]:
        """The teacher's features of levels 2 to 5, in components of equal weight (`Components`).

        In place of the last three stands the picture, as small as the level: responses say of colours little
        that a decoder could read.
        """
        with torch.autocast(self.device.type, enabled=False):  # small components are small beside rounding
            seen = self.deep(pixels.float(), frozenset(TEACHER_LAYERS))
            levels = [
                components(seen[layer])
                for layer, components in zip(TEACHER_LAYERS, self.components, strict=True)
            ]
            for level, features in enumerate(levels):
                features[:, -COLOURS:] = COLOUR_SCALE * (F.avg_pool2d(pixels.float(), 2 << level) - 0.5)
        return levels

    def _paint(self, pixels: Tensor, stage: UniversalStage, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses of photographs painted after random paintings, and of photographs rebuilt unchanged."""
        assert self.targets is not None  # noqa: S101 - made on entering the stage
        count = len(pixels)
        rows = self.targets.draw(count, generator)
        with torch.no_grad():
            features = self.network.encode(pixels)
        deep = torch.rand(count, generator=generator) < stage.deepest_share
        has_structure = torch.rand(count, generator=generator) < stage.structure_share
        output = painted(
            self.network,
            features,
            [self.targets.statistics(rows, level) for level in range(1, LEVELS + 1)],
            deepest=torch.where(deep, LEVELS, LEVELS - 1).to(self.device),
            structure=torch.rand(count, generator=generator) * has_structure * stage.structure_most,
        )
        losses = self.loss(output, pixels, self.targets.sums(rows), generator)
        return {**losses, "identity": self._identity(features, pixels)}

    def _identity(self, features: Sequence[Tensor], pixels: Tensor) -> Tensor:
        """How far photographs rebuilt unchanged are off, for half of a batch."""
        half = max(1, len(pixels) // 2)
        rebuilt = self.network.decode(features[LEVELS - 2][:half], LEVELS - 1).float()
        return (rebuilt - pixels[:half]).abs().mean()

    def _distil(self, stage: UniversalStage, generator: torch.Generator) -> dict[str, Tensor]:
        """Likeness to the teacher's pictures: pixels, features one by one, and their statistics."""
        assert self.targets is not None and self.pairs is not None  # noqa: S101 - made on entering the stage
        numbers = torch.randint(stage.pairs, (stage.batch,), generator=generator)
        pairs = [self.pairs.get(number) for number in numbers.tolist()]
        pixels, target = (
            torch.stack(images).to(self.device, memory_format=torch.channels_last)
            for images in ([pair.photo for pair in pairs], [pair.painted for pair in pairs])
        )
        rows = torch.tensor([pair.row for pair in pairs])
        with torch.no_grad():
            features = self.network.encode(pixels)
            expected = self.loss.seen(target)
        output = painted(
            self.network,
            features,
            [self.targets.statistics(rows, level) for level in range(1, LEVELS + 1)],
            deepest=torch.tensor([pair.deepest for pair in pairs], device=self.device),
            structure=torch.tensor([pair.structure for pair in pairs]),
        )
        seen = self.loss.seen(output.contiguous(memory_format=torch.channels_last))
        return {
            "pixels": (output - target).abs().mean(),
            "seen": torch.stack([missed(seen[key], expected[key]) for key in seen]).mean().log1p(),
            "texture": self.loss.style_distance(self.loss.sums(seen), self.loss.sums(expected)).mean(),
            "identity": self._identity(features, pixels),
        }


def mean_missed(outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """The mean of `missed` over as many levels as `outputs` has."""
    return torch.stack(
        [missed(output, target) for output, target in zip(outputs, targets, strict=False)]
    ).mean()


def quiet(network: UniversalNetwork) -> UniversalNetwork:
    """The network with small responses at first: large ones leave half of the decoder dead for good."""
    with torch.no_grad():
        for conv in (network.refiners(level)[-1] for level in range(2, LEVELS + 1)):
            conv.weight.mul_(FIRST_RESPONSE)
    return network


def missed(output: Tensor, target: Tensor) -> Tensor:
    """Share of the variance of `target` that `output` misses: N x C x h x w, twice -> a scalar."""
    target = target.float()
    spread = target.var((0, 2, 3), unbiased=False).mean()
    return (output.float() - target).square().mean() / spread.clamp_min(1e-9)
