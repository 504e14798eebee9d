"""The sheet of `giornata styles preview`: one picture in every style, with captions."""

import tempfile
from pathlib import Path

from giornata.cluster.catalogue import user_library
from giornata.cluster.cli.render import render_and_publish
from giornata.jobs.choices import PictureFormat
from giornata.jobs.naming import item_id_of
from giornata.jobs.task import RenderTask
from giornata.workers.contact_sheet import contact_sheet


def preview(photo: Path, target: Path, *, strength: float, columns: int, cell_px: int) -> Path:
    """Render `photo` in every style of the library and lay the results out on `target`."""
    names = user_library().names
    with tempfile.TemporaryDirectory(prefix="giornata-preview-") as folder:
        entries = []
        for name in names:
            place = Path(folder) / f"{name}.png"
            render_and_publish(
                RenderTask(
                    item_id=item_id_of(place),
                    source=str(photo.absolute()),
                    target=str(place),
                    style_label=name,
                    mix={name: 1.0},
                    strength=strength,
                    format=PictureFormat.PNG,
                    size=cell_px,
                ),
                force=False,
            )
            entries.append((place, name))
        return contact_sheet(entries, target, columns=columns, cell_px=cell_px)
