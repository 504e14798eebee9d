"""A contact sheet a method: photographs down, paintings across, every painted image where they meet."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont, ImageOps

from giornata.atomic_file import atomic_write
from giornata.cluster.evaluation.images import to_bytes
from giornata.cluster.evaluation.protocol import image_path
from giornata.cluster.evaluation.subjects import Photo, StylePainting

CELL_PX, GAP_PX, CAPTION_PX = 256, 8, 13
PAPER, INK = (250, 248, 244), (40, 38, 36)
JPEG_QUALITY = 90
LONGEST_PX = 60_000  # of a sheet; JPEG ends at 65,535


def sheet_path(folder: Path, method: str) -> Path:
    """The path of a method's sheet."""
    return folder / f"sheet-{method}.jpg"


def write_sheet(
    folder: Path, method: str, photos: Sequence[Photo], paintings: Sequence[StylePainting]
) -> Path:
    """Lay a method's images out, one row a photograph and one column a painting that it has.

    The first row shows the paintings and the first column the photographs; cells shrink where a sheet would
    be too long for JPEG. Raises `BadEvaluation` when a photograph cannot be read again.
    """
    painted = [
        painting
        for painting in paintings
        if image_path(folder, method, painting.name, photos[0].name).is_file()
    ]
    columns, lines = len(painted) + 1, len(photos) + 1
    cell = min(CELL_PX, LONGEST_PX // max(columns, lines) - GAP_PX)
    step = cell + GAP_PX
    size = (columns * step + GAP_PX, lines * step + GAP_PX + 2 * CAPTION_PX)
    sheet = Pillow.new("RGB", size, PAPER)
    font = ImageFont.load_default(CAPTION_PX)
    ImageDraw.Draw(sheet).text((GAP_PX, CAPTION_PX // 2), method, INK, font)

    def place(image: Pillow.Image, column: int, line: int) -> None:
        fitted = ImageOps.contain(image, (cell, cell), Pillow.Resampling.LANCZOS)
        left = GAP_PX + column * step + (cell - fitted.width) // 2
        top = GAP_PX + 2 * CAPTION_PX + line * step + (cell - fitted.height) // 2
        sheet.paste(fitted, (left, top))

    for column, painting in enumerate(painted, start=1):
        place(to_bytes(painting.image), column, 0)
    for line, photo in enumerate(photos, start=1):
        place(to_bytes(photo.read()), 0, line)
        for column, painting in enumerate(painted, start=1):
            with Pillow.open(image_path(folder, method, painting.name, photo.name)) as image:
                place(image.convert("RGB"), column, line)
    return _save(sheet, sheet_path(folder, method))


def _save(sheet: Pillow.Image, path: Path) -> Path:
    with atomic_write(path) as part:
        sheet.save(part, format="JPEG", quality=JPEG_QUALITY)
    return path
