"""Lays finished pictures out on one sheet with captions; reads our own outputs only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image, ImageDraw, ImageFont

from giornata.workers.errors import EncodeFailed

CELL_PX = 320
GAP_PX = 16
CAPTION_PX = 14
PAPER = (250, 248, 244)
INK = (40, 38, 36)
FAINT = (200, 196, 190)
JPEG_QUALITY = 90


def contact_sheet(
    entries: Sequence[tuple[Path | None, str]], target: Path, *, columns: int = 4, cell_px: int = CELL_PX
) -> Path:
    """Writes a sheet of `entries`, pictures and their captions, to `target` and returns it.

    Every picture is fitted into a square of `cell_px`; one that is missing leaves an empty frame. Raises
    `EncodeFailed`; then no file is left.
    """
    try:
        pictures = [
            (thumbnail(path, side_px=cell_px) if path else _frame(cell_px), caption)
            for path, caption in entries
        ]
        rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
        heights = [max(picture.height for picture, _ in row) + GAP_PX + 2 * CAPTION_PX for row in rows]
        width = GAP_PX + columns * (cell_px + GAP_PX)
        sheet = Image.new("RGB", (width, GAP_PX + max(sum(heights), GAP_PX)), PAPER)
        top = GAP_PX
        for row, height in zip(rows, heights, strict=True):
            _place(sheet, row, top=top, height=height - GAP_PX - 2 * CAPTION_PX, cell_px=cell_px)
            top += height
        _save(sheet, target)
    except (pyvips.Error, OSError) as error:
        raise EncodeFailed(str(target), " ".join(str(error).split())) from error
    return target


def _place(
    sheet: Image.Image, row: Sequence[tuple[Image.Image, str]], *, top: int, height: int, cell_px: int
) -> None:
    """Put a row's pictures on one base line, their captions below it."""
    font = ImageFont.load_default(CAPTION_PX)
    for column, (picture, caption) in enumerate(row):
        left = GAP_PX + column * (cell_px + GAP_PX)
        sheet.paste(picture, (left + (cell_px - picture.width) // 2, top + height - picture.height))
        words = _fitted(caption, font, cell_px)
        ImageDraw.Draw(sheet).text((left + cell_px / 2, top + height + 4), words, INK, font, anchor="ma")


def _frame(cell_px: int) -> Image.Image:
    frame = Image.new("RGB", (cell_px, cell_px // 2), PAPER)
    ImageDraw.Draw(frame).rectangle((0, 0, cell_px - 1, cell_px // 2 - 1), outline=FAINT)
    return frame


def thumbnail(path: Path, *, side_px: int) -> Image.Image:
    """The picture at `path` within a square of `side_px`: 8-bit sRGB, on paper where transparent."""
    image = pyvips.Image.thumbnail(str(path), side_px, height=side_px, size="down", output_profile="srgb")
    if image.hasalpha():
        image = image.flatten(background=list(PAPER))
    if image.bands == 1:
        image = image.bandjoin([image, image])
    samples = np.ndarray((image.height, image.width, 3), np.uint8, image.cast("uchar").write_to_memory())
    return Image.fromarray(samples)


def _fitted(words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    """`words`, shortened in the middle until they fit: file names differ at both ends."""
    shown, kept = words, len(words)
    while font.getlength(shown) > width_px and kept > 2:
        kept -= 1
        shown = f"{words[: (kept + 1) // 2]}…{words[len(words) - kept // 2 :]}"
    return shown


def _save(sheet: Image.Image, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        sheet.save(part, format="PNG" if target.suffix.lower() == ".png" else "JPEG", quality=JPEG_QUALITY)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
