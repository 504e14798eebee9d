"""A distillation resumes, learns, and leaves an encoder that measures what its maps measured."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import COMPACT, VGG19
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.styles.training.distillation import TAPS, Cycle, DistillationPlan, Distiller
from giornata.styles.training.export import cycle_words, publish_encoder

torch.set_num_threads(1)
DEEP = {"0": (3, 3, 1)} | {
    name: (4, 3 if name == "11" else 4, 3)
    for name in ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("teachers")
    Image.fromarray(data.astronaut()).resize((96, 96)).save(made / "astronaut.png")
    shallow = {key: value for key, value in random_weights(VGG19, seed=1).items() if key[4:7] <= "3_1"}
    save_file(shallow, made / "true.safetensors")
    deep = {}
    for name, (outputs, inputs, side) in DEEP.items():
        deep[f"conv{name}.weight"] = torch.randn(outputs, inputs, side, side) / (inputs * side**2) ** 0.5
        deep[f"conv{name}.bias"] = torch.zeros(outputs)
    save_file(deep, made / "deep.safetensors")
    return made


def distiller(folder: Path, work: Path, steps: int, **plan_of: float) -> Distiller:
    plan = DistillationPlan(steps=steps, batch=2, crop_px=64, **plan_of)
    files = {"encoder": folder / "true.safetensors", "deep_encoder": folder / "deep.safetensors"}
    return Distiller(plan, pictures=(folder,), work=work, **files)


def test_a_distillation_that_is_done_goes_on_with_a_cycle_of_its_own(folder: Path, tmp_path: Path) -> None:
    list(distiller(folder, tmp_path, 2).run())
    longer = distiller(folder, tmp_path, 5, peak_rate=3e-4)
    assert longer.resume() == 2
    assert longer.cycles == (Cycle(2, 2e-3), Cycle(3, 3e-4))
    rates = [longer.optimizer.param_groups[0]["lr"] for _ in longer.run()]
    assert len(rates) == 3
    assert max(rates) <= 3e-4 * 1.0001
    assert cycle_words(longer.cycles).endswith("0.002, then 3 steps at a peak rate of 0.0003")


def test_a_cycle_that_is_cut_short_counts_what_it_did(folder: Path, tmp_path: Path) -> None:
    first = distiller(folder, tmp_path, 4)
    for progress in first.run(checkpoint_every=1):
        if progress.step == 1:
            break
    longer = distiller(folder, tmp_path, 6, peak_rate=3e-4)
    assert longer.resume() == 1
    assert longer.cycles == (Cycle(1, 2e-3), Cycle(5, 3e-4))


def test_a_distillation_goes_on_where_it_stopped_and_ships(folder: Path, tmp_path: Path) -> None:
    first = distiller(folder, tmp_path, 3)
    for progress in first.run(checkpoint_every=2):
        if progress.step == 2:
            break
    second = distiller(folder, tmp_path, 3)
    assert second.resume() == 2
    (last,) = list(second.run())
    assert set(last.missed) == set(TAPS)
    path = publish_encoder(
        second.student.shipped(),
        tmp_path / "out",
        cycles=second.cycles,
        trained_on="one photograph",
        missed=last.missed,
    )
    encoder = load_encoder(EncoderChoice(str(path)))
    assert encoder.architecture == COMPACT
    assert 'distill, 3 steps at a peak rate of 0.002"' in path.with_suffix(".toml").read_text()
    assert "one photograph" in path.with_suffix(".toml").read_text()
    pixels = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        mine = encoder(pixels, ("relu2_1",))["relu2_1"]
        head = second.student.head("relu2_1")
        theirs = torch.nn.functional.conv2d(second.student.features(pixels)["relu2_1"], head.weight)
    assert float(mine.norm()) == pytest.approx(float(theirs.norm()), rel=1e-2)
