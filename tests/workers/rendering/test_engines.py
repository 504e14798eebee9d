"""Styles of the universal engine through the whole renderer: tiles, effects, fidelity, records."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from giornata.jobs.model.paths import sidecar_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import EngineKind, PictureFormat
from giornata.jobs.storage.hashing import file_sha256
from giornata.styles.library import Library, card_text
from giornata.styles.universal.network_files import load_network_card
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import EffectRefused
from giornata.workers.rendering.engines import Engines
from giornata.workers.rendering.prepared import RenderResult
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.rendering.style_images import StyleImages
from giornata.workers.settings import RenderSettings

torch.set_num_threads(1)
Make = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph, two paintings, and a mask of the left half."""
    made = tmp_path_factory.mktemp("pictures")
    Image.fromarray(skimage.data.chelsea()).resize((160, 112)).save(made / "cat.png")
    Image.fromarray(skimage.data.coffee()).resize((150, 100)).save(made / "coffee.png")
    Image.fromarray(skimage.data.rocket()).resize((150, 100)).save(made / "rocket.png")
    mask = np.zeros((112, 160), np.uint8)
    mask[:, :80] = 255
    Image.fromarray(mask).save(made / "left.png")
    return made


@pytest.fixture(scope="module")
def made(folder: Path) -> Callable[..., tuple[np.ndarray, RenderResult, dict[str, Any]]]:
    """Renders the photograph in the style of `coffee.png`, with whatever else is asked for."""

    def make(
        *, lanes: int = 1, size_px: int = 96, images: tuple[str, ...] = ("coffee.png",), **words: Any
    ) -> tuple[np.ndarray, RenderResult, dict[str, Any]]:
        universal = {"images": [{"path": str(folder / name)} for name in images], "size_px": size_px}
        universal |= words.pop("universal", {})
        target = folder / "out.png"
        plain = {"item_id": "a" * 20, "style_label": "s", "engine": EngineKind.UNIVERSAL, "mix": {}}
        paths = {"source": str(folder / "cat.png"), "target": str(target), "format": PictureFormat.PNG}
        task = RenderTask.model_validate({**plain, **paths, "universal": universal, **words})
        renderer = Renderer(RenderSettings(scratch=folder / "scratch", lanes=lanes))
        try:
            rendered = renderer.render(task, target)
        finally:
            renderer.close()
        record = json.loads(sidecar_of(target).read_text())
        return np.asarray(Image.open(target)).astype(int), rendered, record

    return make


def test_tiles_and_lanes_do_not_show(made: Callable[..., Any]) -> None:
    whole, _, _ = made()
    tiled, rendered, _ = made(tile_px=64, overlap_px=16)
    assert rendered.tiles > 1
    assert np.abs(tiled - whole).max() <= 1
    assert made(tile_px=64, overlap_px=16, lanes=3)[1].sha256 == rendered.sha256


def test_no_strength_is_the_source(made: Callable[..., Any], folder: Path) -> None:
    pixels, _, _ = made(strength=0.0)
    assert np.array_equal(pixels, np.asarray(Image.open(folder / "cat.png")))


def test_settings_change_the_picture(made: Callable[..., Any]) -> None:
    plain, _, _ = made()
    for settings in ({"levels": 2}, {"structure": 0.7}, {"transform": "moments"}, {"size_px": 64}):
        assert np.abs(made(universal=settings)[0] - plain).max() > 2, settings


@pytest.mark.parametrize("statistics", ["thumbnail", "reference"])
def test_statistics_may_come_from_elsewhere(made: Callable[..., Any], folder: Path, statistics: str) -> None:
    reference = {"reference": str(folder / "cat.png")} if statistics == "reference" else {}
    borrowed, _, _ = made(statistics=statistics, tile_px=64, overlap_px=16, **reference)
    if reference:  # its own
        assert np.abs(borrowed - made(tile_px=64, overlap_px=16)[0]).max() <= 1


def test_a_region_has_a_style_of_its_own_of_whatever_engine(made: Callable[..., Any], folder: Path) -> None:
    region = {"mask": str(folder / "left.png"), "mix": {"udnie": 1.0}}
    plain, _, _ = made()
    pixels, _, record = made(regions=[region], masks={"feather_px": 4})
    assert np.abs(pixels[:, 100:] - plain[:, 100:]).max() <= 1
    assert np.abs(pixels[:, :60] - plain[:, :60]).max() > 10
    assert [one["name"] for one in record["styles"]] == ["udnie"]


def test_strokes_masks_colours_and_fidelity_go_on_working(made: Callable[..., Any], folder: Path) -> None:
    protect = {"masks": {"protect": str(folder / "left.png"), "feather_px": 0}}
    colours = {"preserve_colour": "luminance", "palette": {"colours": ["#b04020"], "delta_e": 5}}
    pixels, rendered, record = made(brush={"value": 12, "unit": "px"}, min_ssim=0.6, **protect, **colours)
    source = np.asarray(Image.open(folder / "cat.png")).astype(int)
    assert np.abs(pixels[:, :70] - source[:, :70]).max() <= 1
    assert rendered.facts["strength"] <= 1
    assert record["parameters"]["brush"] == {"value": 12.0, "unit": "px"}


def test_the_record_says_what_the_engine_worked_with(made: Callable[..., Any], folder: Path) -> None:
    images = [{"path": str(folder / "coffee.png")}, {"path": str(folder / "rocket.png"), "share": 3}]
    _, _, record = made(universal={"images": images, "levels": 3, "transform": "whiten"})
    told = record["universal"]
    assert told["network_sha256"] == load_network_card().sha256
    assert told["images"] == [
        {"name": name, "sha256": file_sha256(folder / name), "share": share}
        for name, share in (("coffee.png", 0.25), ("rocket.png", 0.75))
    ]
    assert (told["levels"], told["structure"], told["transform"]) == (3, 0.1, "whiten")
    assert record["parameters"]["engine"] == "universal"
    assert str(folder) not in json.dumps(record)
    assert record["inputs"]["style 0"] == "coffee.png"


def test_an_image_that_is_no_style_ends_in_one_line(made: Callable[..., Any], folder: Path) -> None:
    Image.new("RGB", (80, 80), "navy").save(folder / "navy.png")
    with pytest.raises(Exception, match=r"navy\.png: got one colour"):
        made(images=("navy.png",))


def test_a_style_of_another_network_says_what_to_do(tmp_path: Path) -> None:
    name = next(name for name, one in Library().styles.items() if one.card.network)
    card = Library().find(name).card.model_copy(update={"network": "1" * 64})
    (tmp_path / f"{name}.toml").write_text(card_text(card))
    task = RenderTask(
        item_id="a", source="a", target="b", style_label=name, mix={name: 1.0}, format=PictureFormat.PNG
    )
    with Sandbox() as sandbox, pytest.raises(EffectRefused, match=f"styles add --name {name} --force"):
        Engines(Library((tmp_path,)), StyleImages(tmp_path, sandbox)).engine(task)
