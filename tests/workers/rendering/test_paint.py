import json
from pathlib import Path

import numpy as np
import pytest
import pyvips
import skimage.data
import tifffile

from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.enums import EngineKind, PictureFormat
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.spec.values import Brush, BrushUnit, TaskPalette
from giornata.workers.effects.palette import delta_e, to_lab
from giornata.workers.rendering.paint import paint_whole
from giornata.workers.rendering.renderer import Renderer
from tests.support.fakes import StyleNames
from tests.workers.rendering.image_tasks import SIZE, crop_to, pixels, task_of

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_outputs_of_one_styled_picture_are_rendered_once_and_come_out_as_if_alone(
    tmp_path: Path, source: Path, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {
        "square.png": {"crop": crop_to(1.0)},
        "wide.jpg": {"crop": crop_to(2.0), "format": PictureFormat.JPEG, "quality": 80},
        "small.png": {"crop": crop_to(1.0), "size": None, "depth": "8"},
    }
    painted = []

    def counted(*args: object) -> object:
        painted.append(1)
        return paint_whole(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("giornata.workers.rendering.paint.paint_whole", counted)
    alone = {
        name: renderer.render(
            task_of(source, tmp_path / f"alone-{name}", **words), tmp_path / f"alone-{name}"
        )
        for name, words in wanted.items()
    }
    assert len(painted) == 3
    shared = {
        name: renderer.render(task_of(source, tmp_path / name, siblings=3, **words), tmp_path / name)
        for name, words in wanted.items()
    }
    assert len(painted) == 4
    assert [one.facts.get("shared") for one in shared.values()] == [None, 1, 1]
    for name in wanted:
        assert np.array_equal(pixels(tmp_path / name), pixels(tmp_path / f"alone-{name}"))
    assert alone["wide.jpg"].facts["quality"] == 80


def test_a_palette_holds_through_the_whole_render(tmp_path: Path, renderer: Renderer) -> None:
    picture = skimage.data.coffee()[: SIZE[0], : SIZE[1]].copy()
    picture[30:70, 40:100] = (0x00, 0x33, 0xAA)
    path = tmp_path / "logo.png"
    pyvips.Image.new_from_array(picture).pngsave(str(path))
    palette = TaskPalette(colours=("#0033aa",), delta_e=5)
    renderer.render(task_of(path, tmp_path / "out.png", palette=palette), tmp_path / "out.png")
    logo = pixels(tmp_path / "out.png")[30:70, 40:100, :3] / np.float32(255)
    blue = to_lab(np.array([0x00, 0x33, 0xAA], np.float32) / 255)
    assert delta_e(to_lab(logo), np.broadcast_to(blue, logo.shape)).max() <= 5


def test_every_page_of_a_file_comes_out_as_if_it_were_a_file_of_its_own(
    tmp_path: Path, renderer: Renderer
) -> None:
    photo = skimage.data.astronaut()
    sheets = [photo[:96, :128], photo[100:228, 40:104], photo[200:300, 100:240]]
    with tifffile.TiffWriter(tmp_path / "book.tif") as file:
        for sheet in sheets:
            file.write(sheet, photometric="rgb")
            file.write(sheet[::2, ::2], photometric="rgb", subfiletype=1)  # its reduced copy is no page
    words = {
        "name": "book",
        "inputs": "book.tif",
        "styles": ["great-wave"],
        "destination": "out",
        "render": {"pages": "all"},
    }
    styles = StyleNames("great-wave")
    tasks = list(expand(parse_spec(words, origin="test"), base=tmp_path, styles=styles))
    assert [Path(task.target).name for task in tasks] == [f"book-p{n}_great-wave.tif" for n in (1, 2, 3)]
    for task, sheet in zip(tasks, sheets, strict=True):
        made = renderer.render(task, Path(task.target))
        assert (made.height, made.width) == sheet.shape[:2]
        tifffile.imwrite(tmp_path / "sheet.tif", sheet, photometric="rgb")
        alone = task_of(tmp_path / "sheet.tif", tmp_path / "alone.tif", format=PictureFormat.TIFF)
        renderer.render(alone, tmp_path / "alone.tif")
        assert np.array_equal(pixels(Path(task.target)), pixels(tmp_path / "alone.tif"))
        record = json.loads(Path(f"{task.target}.provenance.json").read_text())
        assert (record["source"]["facts"]["page"], record["source"]["facts"]["pages"]) == (task.page, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("style", ["great-wave", "signac-la-calanque"])
@pytest.mark.parametrize("brush", [None, Brush(value=20, unit=BrushUnit.PX)], ids=["plain", "brush"])
def test_strength_0_gives_the_sources_pixels_back_in_tiles_as_well(
    tmp_path: Path, renderer: Renderer, dtype: type[np.generic], style: str, brush: Brush | None
) -> None:
    samples = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (*SIZE, 3)).astype(dtype)
    path = tmp_path / "noise.png"
    pyvips.Image.new_from_array(samples, interpretation="rgb16" if dtype is np.uint16 else "srgb").pngsave(
        str(path)
    )
    engine = EngineKind.FEEDFORWARD if style == "great-wave" else EngineKind.UNIVERSAL
    words = {
        "mix": {style: 1.0},
        "engine": engine,
        "strength": 0.0,
        "tile_px": 64,
        "overlap_px": 16,
        "brush": brush,
    }
    renderer.render(
        task_of(path, tmp_path / "out.png", size=None, depth="source", **words), tmp_path / "out.png"
    )
    assert np.array_equal(pixels(tmp_path / "out.png"), samples)
