"""Judging networks drawn by seed, for tests that need no true ones."""

import torch
import torchvision.models as models

from giornata.styles.evaluation.trunks import CHANNELS, TrunkName


def random_trunk(name: TrunkName, *, seed: int = 3) -> dict[str, torch.Tensor]:
    """Weights of a trunk and its heads, drawn by seed: what tests of anything but conformance need."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        build = models.alexnet if name is TrunkName.ALEX else models.squeezenet1_1
        network = build(weights=None)
    weights = {key: value for key, value in network.state_dict().items() if key.startswith("features.")}
    for number, width in enumerate(CHANNELS[name]):
        weights[f"lin{number}.weight"] = torch.full((1, width, 1, 1), 1 / width)
    return weights
