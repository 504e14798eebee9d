"""Two encoders are compared by one judge, on the layers that both reach."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

from giornata.cluster.bench.encoders import Setting, measure, options_for, pairs_of
from giornata.styles.perception.encoder import Encoder, Preprocessing, random_weights
from giornata.styles.perception.vgg import COMPACT, VGG19


def test_pairs_differ_and_never_take_a_photograph_for_its_own_style() -> None:
    pairs = pairs_of(30)
    assert len(set(pairs)) == 30
    assert all(content != style for content, style in pairs)


def test_only_layers_that_both_reach_are_compared() -> None:
    weights = {key: value for key, value in random_weights(VGG19, seed=1).items() if key[4:7] <= "3_4"}
    true = Encoder(VGG19, weights, preprocessing=Preprocessing.CAFFE)
    ours = Encoder(COMPACT, random_weights(COMPACT, seed=1), preprocessing=Preprocessing.CENTRED)
    assert options_for(true, ours, 3).layers == ("relu1_1", "relu2_1", "relu3_1")
    assert "relu4_2" in options_for(ours, ours, 3).wanted_content


@pytest.mark.slow
def test_an_encoder_agrees_with_itself(tmp_path: Path) -> None:
    weights = {key: value for key, value in random_weights(VGG19, seed=1).items() if key[4:7] <= "3_1"}
    save_file(weights, tmp_path / "vgg.safetensors")
    path = str(tmp_path / "vgg.safetensors")
    found = measure(Setting(path, path, pairs=1, side_px=64, steps=3))
    assert found.agreement == pytest.approx(1.0)
    (row,) = found.rows
    assert row.apart == 0
    assert row.left_by_compact == row.left_by_true < 1
