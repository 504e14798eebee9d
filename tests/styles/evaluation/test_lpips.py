"""Our LPIPS is the package's, to 1e-4, with its heads and with the true weights."""

import warnings
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from giornata.styles.evaluation.errors import BadEvaluation, BadWeights
from giornata.styles.evaluation.lpips import VARIABLE, Lpips, load_judges
from giornata.styles.evaluation.metrics import Image
from giornata.styles.evaluation.trunks import CHANNELS, Trunk, TrunkName, as_tensor
from tests.styles.evaluation.random_trunks import random_trunk

PAIRS, TOLERANCE = 5, 1e-4


def reference(name: TrunkName, *, seed: int) -> lpips.LPIPS:
    """The package's model with its own heads on a trunk drawn by seed; nothing is fetched."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision by names that are going away
        torch.manual_seed(seed)
        return lpips.LPIPS(net=name.value, pnet_rand=True, verbose=False)


def trunk_keys(model: lpips.LPIPS) -> dict[str, str]:
    """Keys of the package's trunk to torchvision's: ``net.slice2.3.weight`` is ``features.3.weight``."""
    return {
        key: f"features.{key.split('.', 2)[2]}" for key in model.state_dict() if key.startswith("net.slice")
    }


def pairs(seed: int) -> list[tuple[Image, Image]]:
    """Five pairs, from almost the same to nothing alike, of sides that are multiples of nothing."""
    generator = np.random.default_rng(seed)
    first = [generator.random((71 + 6 * i, 83 + 5 * i, 3), np.float32) for i in range(PAIRS)]
    noise = [generator.normal(0, 0.02 + 0.2 * i, one.shape).astype(np.float32) for i, one in enumerate(first)]
    return [(one, np.clip(one + change, 0, 1)) for one, change in zip(first, noise, strict=True)]


def distances_agree(ours: Lpips, theirs: lpips.LPIPS) -> None:
    for first, second in pairs(seed=11):
        with torch.inference_mode():
            expected = float(theirs(as_tensor(first), as_tensor(second), normalize=True))
        assert ours.distance(first, second) == pytest.approx(expected, abs=TOLERANCE)
        assert expected > 0


@pytest.mark.parametrize("name", list(TrunkName))
def test_it_equals_the_package_with_its_own_heads_on_five_pairs(name: TrunkName) -> None:
    theirs = reference(name, seed=5)
    state = theirs.state_dict()
    weights = {ours: state[key] for key, ours in trunk_keys(theirs).items()}
    weights |= {key: value for key, value in state.items() if key.startswith("lin") and "lins" not in key}
    distances_agree(Lpips(Trunk(name, weights), weights), theirs)


@pytest.mark.parametrize("name", list(TrunkName))
def test_it_equals_the_package_with_the_true_weights_on_five_pairs(
    name: TrunkName, lpips_folder: Path
) -> None:
    weights = load_file(lpips_folder / f"lpips_{name}_v0.1.safetensors")
    theirs = reference(name, seed=5)
    loaded = {key: weights[ours] for key, ours in trunk_keys(theirs).items()}
    for number in range(len(CHANNELS[name])):
        head = weights[f"lin{number}.weight"]
        loaded |= {f"lin{number}.model.1.weight": head, f"lins.{number}.model.1.weight": head}
    outcome = theirs.load_state_dict(loaded, strict=False)
    assert {key for key in outcome.missing_keys if "scaling" not in key} == set()
    distances_agree(Lpips(Trunk(name, weights), weights), theirs)


def test_an_image_is_at_no_distance_from_itself(photo: Image) -> None:
    weights = random_trunk(TrunkName.ALEX)
    assert Lpips(Trunk(TrunkName.ALEX, weights), weights).distance(photo, photo) == 0


def test_images_of_other_shapes_are_refused(photo: Image) -> None:
    weights = random_trunk(TrunkName.ALEX)
    with pytest.raises(BadEvaluation, match=r"96×90×3.*needed 96×96×3"):
        Lpips(Trunk(TrunkName.ALEX, weights), weights).distance(photo, photo[:, :90])


def test_without_files_every_measure_is_missing_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    judges = load_judges()
    assert judges.trunks == {}
    assert set(judges.missing) == {"lpips", "alex", "squeeze"}
    assert all(VARIABLE in reason for reason in judges.missing.values())


def test_a_folder_of_both_files_leaves_nothing_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TrunkName:
        save_file(random_trunk(name), tmp_path / f"{name}.safetensors")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    judges = load_judges()
    assert set(judges.trunks) == set(judges.lpips) == set(TrunkName)
    assert judges.missing == {}


def test_a_trunk_in_torchvisions_cache_is_used_without_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(random_trunk(TrunkName.SQUEEZE), cache / "squeezenet1_1-b8a52dc0.pth")
    judges = load_judges()
    assert set(judges.trunks) == {TrunkName.SQUEEZE}
    assert set(judges.missing) == {"lpips", "alex"}


@pytest.mark.parametrize("damage", ["nothing", "text", "short"])
def test_a_file_that_is_no_network_is_refused_with_its_name(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "judge.safetensors"
    if damage == "text":
        path.write_text("not tensors")
    if damage == "short":
        save_file({"features.0.weight": torch.zeros(64, 3, 11, 11)}, path)
    with pytest.raises(BadWeights, match="judging network"):
        load_judges(path)
