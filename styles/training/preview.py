"""The preview sheet: a few photographs in every style, to be looked at before anything ships."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from giornata.styles.network import MIN_SIDE, STRIDE, TransformerNetwork
from giornata.styles.training.pictures import read_picture, to_unit


def centre_square(path: Path, side_px: int) -> Tensor:
    """The middle of a photograph: float32, 3 x side x side, 0..1."""
    picture = to_unit(read_picture(path, side_px))
    top, left = ((length - side_px) // 2 for length in picture.shape[1:])
    return picture[:, top : top + side_px, left : left + side_px]


@torch.no_grad()
def preview_sheet(
    network: TransformerNetwork, photos: list[Path], target: Path, *, side_px: int = 256
) -> Path:
    """Write a PNG with a row per photograph: the photograph, then every style from the identity on."""
    side = max(MIN_SIDE, side_px - side_px % STRIDE)
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    rows = []
    for path in photos:
        photo = centre_square(path, side).to(device)
        cells = [photo]
        for row in range(network.styles):
            weights = F.one_hot(torch.tensor([row], device=device), network.styles).float()
            cells.append(network(photo[None], weights)[0])
        rows.append(torch.cat(cells, dim=2))
    network.train(was_training)
    sheet = (torch.cat(rows, dim=1).permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(target)
    return target
