"""What batches ask of one picture: outputs that share it, fidelity, quality, byte limits, one mapping."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
import skimage.data
import tifffile
import torch
from numpy.typing import NDArray

from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.crop import CropNeed, CropStyling, TaskCrop
from giornata.jobs.spec.enums import PictureFormat, Statistics
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.spec.values import TaskChecks, TaskPalette
from giornata.jobs.storage.hashing import deliverable_bytes
from giornata.workers.effects.palette import delta_e, to_lab
from giornata.workers.errors import EffectRefused, QualityRefused
from giornata.workers.rendering.paint import paint_whole
from giornata.workers.rendering.renderer import OpenWorkDir, Renderer
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling.executor import exact_totals
from tests.support.fakes import StyleNames

SIZE = (120, 160)  # height, width


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def renderer(tmp_path: Path) -> Iterator[Renderer]:
    made = Renderer(RenderSettings(scratch=tmp_path / "scratch"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "photo.png"
    photo = skimage.data.astronaut()[20 : 20 + SIZE[0], 140 : 140 + SIZE[1]]
    pyvips.Image.new_from_array(np.ascontiguousarray(photo)).pngsave(str(path))
    return path


def task_of(source: Path, target: Path, **words: object) -> RenderTask:
    plain = {"item_id": "a" * 20, "style_label": "s", "mix": {"great-wave": 1.0}, "format": PictureFormat.PNG}
    return RenderTask.model_validate({**plain, "source": str(source), "target": str(target), **words})


def crop_to(aspect: float, size: int | None = None, **more: object) -> TaskCrop:
    needs = tuple(CropNeed(aspect=one, size=size) for one in (1.0, 2.0))
    return TaskCrop.model_validate(
        {"label": "x", "need": CropNeed(aspect=aspect, size=size), "all_needs": needs, **more}
    )


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(pyvips.Image.new_from_file(str(path)).numpy())


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


def test_a_crop_is_cut_from_the_styled_whole(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    whole = task_of(source, tmp_path / "whole.png")
    renderer.render(whole, tmp_path / "whole.png")
    part = task_of(source, tmp_path / "part.png", crop=crop_to(1.0, focal=(0.0, 0.5)))
    made = renderer.render(part, tmp_path / "part.png")
    assert (made.width, made.height) == (120, 120)
    assert np.array_equal(pixels(tmp_path / "part.png"), pixels(tmp_path / "whole.png")[:, :120])


def test_crops_that_need_little_are_styled_small(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    task = task_of(source, tmp_path / "a.png", crop=crop_to(2.0, 80))
    with renderer.context.folder() as folder:
        working = renderer.prepare(task, OpenWorkDir(folder, lasting=False)).decoded
        assert (working.width, working.height) == (107, 80)  # so that the square crop has 80 px
    made = renderer.render(task, tmp_path / "a.png")
    assert (made.width, made.height) == (80, 40)


def test_a_byte_limit_is_kept_and_the_quality_recorded(
    tmp_path: Path, source: Path, renderer: Renderer
) -> None:
    words = {"format": PictureFormat.JPEG, "quality": 95}
    free = renderer.render(task_of(source, tmp_path / "a.jpg", **words), tmp_path / "a.jpg")
    limit = free.bytes // 2
    tight = renderer.render(task_of(source, tmp_path / "b.jpg", max_bytes=limit, **words), tmp_path / "b.jpg")
    assert tight.bytes <= limit == limit
    assert (tmp_path / "b.jpg").stat().st_size == tight.bytes
    assert 20 <= int(tight.facts["quality"]) < 95
    assert any("to stay within" in words for words in tight.warnings)
    with pytest.raises(EffectRefused, match="needed more bytes or fewer px"):
        renderer.render(task_of(source, tmp_path / "c.jpg", max_bytes=1000, **words), tmp_path / "c.jpg")


@pytest.mark.parametrize("container", ["folder", "zip"])
@pytest.mark.parametrize("format", [PictureFormat.DZI, PictureFormat.IIIF])
def test_tiles_are_written_again_until_all_of_them_fit(
    tmp_path: Path, source: Path, renderer: Renderer, format: PictureFormat, container: str
) -> None:
    words = {"format": format, "container": container, "quality": 95, "iiif_id": "https://museum.org/3/b"}
    ends = ".zip" if container == "zip" else ""
    free = renderer.render(task_of(source, tmp_path / f"a{ends}", **words), tmp_path / f"a{ends}")
    limit = free.bytes * 2 // 3
    target = tmp_path / f"b{ends}"
    tight = renderer.render(task_of(source, target, max_bytes=limit, **words), target)
    assert tight.bytes <= limit
    assert 20 <= int(tight.facts["quality"]) < 95
    assert deliverable_bytes(target) == tight.bytes
    if format is PictureFormat.IIIF and container == "folder":
        assert json.loads((target / "info.json").read_text())["id"] == "https://museum.org/3/b"


def test_the_strength_is_lowered_until_the_picture_is_faithful(
    tmp_path: Path, source: Path, renderer: Renderer
) -> None:
    floor = 0.7
    plain = renderer.render(task_of(source, tmp_path / "a.png", checks=TaskChecks()), tmp_path / "a.png")
    assert float(plain.facts["ssim"]) < floor
    held = renderer.render(task_of(source, tmp_path / "b.png", min_ssim=floor), tmp_path / "b.png")
    assert float(held.facts["ssim"]) >= floor
    assert 0 < float(held.facts["strength"]) < 1
    with pytest.raises(EffectRefused, match=r"keeping a similarity of 0\.9999"):
        renderer.render(task_of(source, tmp_path / "c.png", min_ssim=0.9999), tmp_path / "c.png")


def test_a_picture_that_its_trial_flattered_is_rendered_weaker(
    tmp_path: Path, source: Path, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "giornata.workers.rendering.prepare.faithful_strength", lambda *_, strength, floor: (0.6, 0.9)
    )
    task = task_of(source, tmp_path / "a.png", min_ssim=0.7)
    made = renderer.render(task, tmp_path / "a.png")
    assert float(made.facts["strength"]) < 0.6
    assert float(made.facts["ssim"]) >= 0.7


def test_what_is_not_good_enough_is_not_delivered(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    with pytest.raises(QualityRefused, match=r"similarity to the source is 0\.\d+, needed 0.99"):
        renderer.render(task_of(source, tmp_path / "a.png", checks=TaskChecks(ssim=0.99)), tmp_path / "a.png")
    small = task_of(source, tmp_path / "b.png", checks=TaskChecks(size=True), size=50)
    with pytest.raises(QualityRefused, match="needed the source's 160×120 px"):
        renderer.render(small, tmp_path / "b.png")
    assert not list(tmp_path.glob("*.png"))


def test_all_that_borrow_a_reference_have_one_mapping(
    tmp_path: Path, source: Path, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def counted(*args: object) -> object:
        found.append(1)
        return exact_totals(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("giornata.workers.rendering.paint.exact_totals", counted)
    borrow = {"statistics": Statistics.REFERENCE, "reference": str(source)}
    whole = task_of(source, tmp_path / "whole.png", **borrow)
    renderer.render(whole, tmp_path / "whole.png")
    each = crop_to(1.0, styling=CropStyling.EACH, focal=(0.0, 0.5))
    # Needs no scaling, so the mapping is that of the whole: same pixels, same totals, same result.
    part = task_of(source, tmp_path / "part.png", crop=each, **borrow)
    renderer.render(part, tmp_path / "part.png")
    again = task_of(source, tmp_path / "again.png", **borrow)
    renderer.render(again, tmp_path / "again.png")
    assert len(found) == 2  # for the whole and for what crops need of it, which is kept apart
    assert np.array_equal(pixels(tmp_path / "again.png"), pixels(tmp_path / "whole.png"))
    inside = np.s_[:, : 120 - 64]  # the network's reach from where the crop ends
    assert np.array_equal(pixels(tmp_path / "part.png")[inside], pixels(tmp_path / "whole.png")[inside])


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
