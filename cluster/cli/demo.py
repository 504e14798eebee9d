"""`giornata demo`: real photographs, several styles, one picture large enough for tiles, a contact sheet."""

import sys
from pathlib import Path
from typing import Annotated

import pyvips
import skimage.data
import typer
import yaml

from giornata.cluster.batch.run import carry_out
from giornata.cluster.cli.exits import code_of_state
from giornata.cluster.cli.run import print_result
from giornata.jobs.spec.loader import load_spec
from giornata.workers.sheets.contact_sheet import contact_sheet

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
# Photographs inside the scikit-image package, all public domain or CC0.
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
LARGE = "hubble_deep_field"
LARGE_SCALE = 1.5  # 1000×872 becomes 1500×1308: nine tiles of 512 px
TILE_PX = 512
# Three styles of each engine; the last of each kind at a strength or in a mix of its own.
STYLES: tuple[str | dict[str, object], ...] = (
    "van-gogh-wheatfield-cypresses",
    "signac-la-calanque",
    {"mix": {"vrubel-demon-seated": 2, "klimt-adele-bloch-bauer": 1}, "label": "demon-in-gold"},
    "great-wave",
    "udnie",
    {"name": "the-scream", "strength": 0.7, "label": "half-scream"},
)
COLUMNS = 7


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="folder for pictures and results")] = Path("demo-out"),
    workers: Annotated[int | None, typer.Option(min=1)] = None,
) -> None:
    """Render the demonstration batch. Run again, it only makes what is missing."""
    spec_path = write_inputs(out)
    sys.stdout.write(f"{len(PHOTOS) + 1} photographs in {len(STYLES)} styles: {spec_path}\n")
    sys.stdout.flush()
    spec = load_spec(spec_path)
    result = carry_out(spec, spec_path.absolute().parent, workers=workers)
    print_result(result, again="make demo", as_json=False)
    if result.state.is_terminal:
        sheet = contact_sheet(sheet_entries(out), out / "contact-sheet.jpg", columns=COLUMNS, cell_px=300)
        sys.stdout.write(f"pictures: {out / 'rendered'}\ncontact sheet: {sheet}\n")
    raise typer.Exit(code_of_state(result.state))


def write_inputs(out: Path) -> Path:
    """Photographs and spec; files that are there already are left as they are."""
    photos = out / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    for name in (*PHOTOS, LARGE):
        path = photos / f"{name}.png"
        if not path.exists():
            picture = pyvips.Image.new_from_array(getattr(skimage.data, name)())
            if name == LARGE:
                picture = picture.resize(LARGE_SCALE, kernel="lanczos3")
            picture.pngsave(str(path))
    spec = {
        "name": "demo",
        "inputs": ["photos"],
        "styles": list(STYLES),
        "render": {"tile": TILE_PX},
        "outputs": [{"format": "jpeg", "quality": 92}],
        "destination": "rendered",
    }
    spec_path = out / "demo.yaml"
    spec_path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return spec_path


def sheet_entries(out: Path) -> list[tuple[Path, str]]:
    """A row a photograph: the photograph, then every style."""
    entries = []
    for name in (*PHOTOS, LARGE):
        entries.append((out / "photos" / f"{name}.png", name))
        for style in STYLES:
            label = style if isinstance(style, str) else str(style["label"])
            entries.append((out / "rendered" / f"{name}_{label}.jpg", label))
    return [(path, caption) for path, caption in entries if path.exists()]
