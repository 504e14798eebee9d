"""Any picture is a style image, or is refused in one line; each is learnt once a machine."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from giornata.jobs.model.task_style import TaskUniversal
from giornata.jobs.spec.style import StyleImage
from giornata.styles.errors import BadStylePicture
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from giornata.workers.rendering.style_images import StyleImages, learn_style_image
from giornata.workers.source import RejectCode
from tests.workers import hostile
from tests.workers.pictures import image, photo, written

Samples = npt.NDArray[Any]


def read(sandbox: Sandbox, path: Path, *, short_px: int = 48) -> Samples:
    """The picture at `path` as it would be learnt."""
    target = path.with_suffix(".npy")
    sandbox.style_image(path, target, short_px=short_px)
    made: Samples = np.load(target)
    return made


def test_grey_sixteen_bits_and_cmyk_are_learnt(sandbox: Sandbox, tmp_path: Path) -> None:
    plain = image(photo())
    plain.colourspace("b-w").pngsave(tmp_path / "grey.png")
    image(photo().astype(np.uint16) * 257, interpretation="rgb16").pngsave(tmp_path / "16.png")
    plain.icc_export(output_profile="cmyk").jpegsave(tmp_path / "cmyk.jpg", Q=98)
    grey = read(sandbox, tmp_path / "grey.png")
    assert np.array_equal(grey[..., 0], grey[..., 2])
    for name in ("grey.png", "16.png", "cmyk.jpg"):
        found = learn_style_image(tmp_path / name, size_px=64, sandbox=sandbox, scratch=tmp_path)
        assert all(np.isfinite(level.covariance).all() for level in found.levels)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (90, 60)])
def test_one_colour_is_refused(sandbox: Sandbox, tmp_path: Path, width: int, height: int) -> None:
    image(np.full((height, width, 3), 60, np.uint8)).pngsave(tmp_path / "navy.png")
    with pytest.raises(BadStylePicture, match=r"navy\.png: got one colour"):
        learn_style_image(tmp_path / "navy.png", size_px=64, sandbox=sandbox, scratch=tmp_path)


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp"])
def test_a_torn_file_is_refused_and_leaves_nothing(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "torn", hostile.cut(kind))
    with pytest.raises(Rejected) as caught:
        learn_style_image(path, size_px=64, sandbox=sandbox, scratch=tmp_path / "scratch")
    assert caught.value.args[1] in (RejectCode.TRUNCATED, RejectCode.CORRUPT)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_image_is_learnt_once_and_again_only_when_it_changed(sandbox: Sandbox, tmp_path: Path) -> None:
    path, root, heard = tmp_path / "a.png", tmp_path / "kept", list[int]()
    image(photo()).pngsave(path)
    told = TaskUniversal(images=(StyleImage(path=str(path)), StyleImage(path=str(path))), size_px=64)

    def found() -> tuple[object, ...]:
        return StyleImages(root, sandbox, lambda: heard.append(1)).statistics(told)

    one, other = found()
    assert one is other
    ticks = len(heard)
    assert found()[0] is one
    assert len(heard) == ticks
    assert len(list(root.glob("*.safetensors"))) == 1
    image(photo(width=120)).pngsave(path)
    assert found()[0] is not one
    assert len(list(root.glob("*.safetensors"))) == 2


def test_what_two_machines_learn_is_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    image(photo(width=200, height=150)).pngsave(tmp_path / "a.png")
    told = TaskUniversal(images=(StyleImage(path=str(tmp_path / "a.png")),))
    here, there = (StyleImages(tmp_path / name, sandbox).statistics(told)[0] for name in ("here", "there"))
    for one, other in zip(here.levels, there.levels, strict=True):
        assert np.array_equal(one.mean, other.mean)
        assert np.array_equal(one.covariance, other.covariance)
