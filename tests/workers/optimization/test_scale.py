from pathlib import Path

import torch

from giornata.styles.optimization.options import GatysOptions
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.workers.optimization.scale import usual_core
from giornata.workers.optimization.setup import fitting_core

torch.set_num_threads(1)


def test_the_usual_cut_follows_from_the_picture_alone(tmp_path: Path, pictures: Path, weights: Path) -> None:
    assert [usual_core(side) for side in (100, 512, 513, 9000)] == [256, 256, 512, 512]
    encoder = load_encoder(EncoderChoice(str(weights)))
    options = GatysOptions(style_layers={"relu1_1": 1.0}, content_layers={"relu2_1": 1.0})
    assert {fitting_core(encoder, options, size) for size in (2 << 30, 64 << 30)} == {512}
    assert fitting_core(encoder, options, 1) == 128
