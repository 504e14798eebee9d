from pathlib import Path

import torch
from PIL import Image

from giornata.styles.training.export import preview_sheet
from giornata.styles.training.painters import PaintersTrainer, TrainingFiles
from tests.styles.training.painters_files import at, recipe

torch.set_num_threads(2)


def test_the_preview_sheet_shows_every_style_of_every_photo(files: TrainingFiles, tmp_path: Path) -> None:
    trainer = PaintersTrainer(recipe({"steps": 1}), at(files, tmp_path))
    sheet = preview_sheet(trainer.average, list(files.photos[:2]), tmp_path / "sheet.png", side_px=32)
    with Image.open(sheet) as image:
        assert image.size == (32 * 4, 32 * 2)
