"""The sheets of `giornata styles preview` and `ls --sheet`: one picture in every style, with captions."""

import tempfile
from pathlib import Path

import torch

from giornata.cluster.catalogue import LibraryStyles, user_library
from giornata.cluster.cli.own_styles import SAMPLE
from giornata.cluster.cli.render import settings_here
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.device import keep_freed_memory
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.sheets.contact_sheet import contact_sheet

WORKED_ON = 2.0  # how much larger than its cell a picture is styled, so that strokes are as in larger ones


def preview(photo: Path | None, target: Path, *, strength: float, columns: int, cell_px: int) -> Path:
    """Render `photo`, or a sample, in every style of the library; lay the results out on `target`.

    By artist, so that one hand's pictures lie side by side.
    """
    library, styles = user_library(), LibraryStyles(user_library())
    cards = sorted(
        (one.card for one in library.styles.values()), key=lambda card: (card.artwork.artist, card.name)
    )
    keep_freed_memory()
    torch.set_num_threads(1)  # blocks on lanes scale better than threads inside one convolution
    renderer = Renderer(settings_here())
    try:
        with tempfile.TemporaryDirectory(prefix="giornata-preview-") as folder:
            small = Path(folder) / "photo.jpg"
            renderer.shop.sandbox.thumbnail(photo or SAMPLE, small, side_px=round(WORKED_ON * cell_px))
            entries = []
            for card in cards:
                place = Path(folder) / f"{card.name}.png"
                task = RenderTask(
                    item_id=item_id_of(place),
                    source=str(small),
                    target=str(place),
                    style_label=card.name,
                    engine=next(iter(styles.engines({card.name: 1.0}))),
                    mix={card.name: 1.0},
                    strength=strength,
                    format=PictureFormat.PNG,
                    size=cell_px,
                    sidecar=False,
                )
                renderer.render(task, place)
                entries.append((place, f"{card.name}, {card.artwork.artist}"))
            return contact_sheet(entries, target, columns=columns, cell_px=cell_px)
    finally:
        renderer.close()
