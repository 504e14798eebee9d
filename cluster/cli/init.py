"""`giornata init`: a commented spec to begin with, and sample pictures it runs on as it stands."""

import csv
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyvips
import skimage.data
import typer
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from giornata.cluster.cli.exits import CommandRefused, Exit

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
STARTERS = Path(__file__).resolve().parent / "starters"
Samples = NDArray[Any]
BRAND, LETTERS = "#0033aa", "#ffcc00"  # what the campaign's palette keeps
PAGE_DPI = 300
SIXTEEN = 257  # 65535 / 255


class Starter(StrEnum):
    """The purpose of a spec."""

    CAMPAIGN = "campaign"
    HERITAGE = "heritage"


@app.command()
def init(
    starter: Annotated[Starter, typer.Argument(help="what it is for")],
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="where to write it")] = Path(),
) -> None:
    """Write a commented spec and the sample pictures it runs on. Overwrites nothing."""
    spec = write_starter(starter, folder)
    sys.stdout.write(f"{spec}: read it, then\n  giornata plan {spec}\n  giornata run {spec}\n")


def write_starter(starter: Starter, folder: Path) -> Path:
    """The spec and its pictures in `folder`; the spec's path. Raises `CommandRefused` when there is one."""
    spec = folder / f"{starter}.yaml"
    if spec.exists():
        reason = f"writing {spec}: it is there already; move it or name another folder"
        raise CommandRefused(reason, Exit.REJECTED)
    folder.mkdir(parents=True, exist_ok=True)
    SAMPLES[starter](folder)
    spec.write_text((STARTERS / spec.name).read_text(encoding="utf-8"), encoding="utf-8")
    return spec


def campaign_samples(folder: Path) -> None:
    """Two photographs, one with a badge in brand colours, and the list of focal points and safe areas."""
    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    _unless_there(photos / "astronaut.jpg", partial(_photo, skimage.data.astronaut()))
    _unless_there(photos / "coffee.jpg", _with_badge)
    header = ["path", "locale", "focal_x", "focal_y", "safe_left", "safe_top", "safe_right", "safe_bottom"]
    face, badge = [0.44, 0.22, 0.3, 0.03, 0.6, 0.45], [0.6, 0.4, 0.62, 0.05, 0.97, 0.31]
    rows: list[list[object]] = [["photos/astronaut.jpg", "en", *face], ["photos/coffee.jpg", "en", *badge]]
    rows.append(["photos/coffee.jpg", "fr", *badge])
    _list(folder / "assets.csv", header, rows)


def heritage_samples(folder: Path) -> None:
    """Two small books of two pages each, 16 bits a sample at 300 dpi, and the catalogue's list of them."""
    pages = {
        "scans/fauna/page1.tif": skimage.data.chelsea()[20:276, 60:380],
        "scans/fauna/page2.tif": skimage.data.chelsea()[40:296, 120:440],
        "scans/voyages/page1.tif": skimage.data.rocket()[100:356, 160:480],
        "scans/voyages/page2.tif": skimage.data.rocket()[20:276, 240:560],
    }
    rows: list[list[object]] = []
    for number, (name, samples) in enumerate(pages.items(), start=1):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        _unless_there(place, partial(_scan, samples))
        rows.append([name, "MOE", f"1904.{number}"])
    _list(folder / "collection.csv", ["path", "institution", "identifier"], rows)


SAMPLES: dict[Starter, Callable[[Path], None]] = {
    Starter.CAMPAIGN: campaign_samples,
    Starter.HERITAGE: heritage_samples,
}


def _unless_there(path: Path, write: Callable[[Path], None]) -> None:
    if not path.exists():
        write(path)


def _photo(samples: Samples, path: Path) -> None:
    Image.fromarray(samples).save(path, quality=92)


def _with_badge(path: Path) -> None:
    picture = Image.fromarray(skimage.data.coffee())
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((380, 24, 580, 120), 16, fill=BRAND)
    draw.text((480, 72), "AUTUMN", LETTERS, ImageFont.load_default(42), anchor="mm")
    picture.save(path, quality=95, subsampling=0)


def _scan(samples: Samples, path: Path) -> None:
    deep = samples.astype(np.uint16) * SIXTEEN
    image = pyvips.Image.new_from_array(deep, interpretation="rgb16")
    per_mm = PAGE_DPI / 25.4
    profile = pyvips.Operation.call("profile_load", "p3")
    tagged = image.copy(xres=per_mm, yres=per_mm)
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    tagged.tiffsave(str(path), compression="deflate", resunit="inch")


def _list(path: Path, header: list[str], rows: list[list[object]]) -> None:
    if path.exists():
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
