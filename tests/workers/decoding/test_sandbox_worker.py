from pathlib import Path

import numpy as np
import pytest
import pyvips

from giornata.workers.decoding.options import Limits
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from giornata.workers.source import RejectCode
from tests.workers.pictures import encoded, image, written


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return written(tmp_path / "picture.png", encoded("png"))


def test_a_picture_that_needs_too_much_memory_is_rejected(tmp_path: Path) -> None:
    # One row of tiles holds the whole picture: nothing can be streamed, and no header limit is broken.
    vast = pyvips.Image.black(30_000, 2048, bands=3).copy(interpretation="srgb")
    vast.tiffsave(tmp_path / "a.tif", compression="deflate", tile=True, tile_width=2048, tile_height=2048)
    with Sandbox(Limits(memory_mb=128)) as sandbox:
        with pytest.raises(Rejected) as caught:
            sandbox.decode(tmp_path / "a.tif", tmp_path / "scratch")
        assert caught.value.args[1] is RejectCode.MEMORY
        assert list((tmp_path / "scratch").iterdir()) == []


def test_memory_is_bounded_by_strips(tmp_path: Path) -> None:
    image(np.full((9000, 9000, 3), 7, np.uint8)).pngsave(tmp_path / "a.png", compression=1)
    with Sandbox(Limits(memory_mb=128)) as sandbox:  # the samples alone are 243 MB
        assert sandbox.decode(tmp_path / "a.png", tmp_path / "scratch").width == 9000


def test_the_process_sees_no_credentials(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        environment = Path(f"/proc/{sandbox.pid}/environ")
        if not environment.exists():
            pytest.skip("no /proc here")
        assert b"AWS" not in environment.read_bytes()


def test_the_process_loads_neither_torch_nor_numpy(picture: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        maps = Path(f"/proc/{sandbox.pid}/maps")
        if not maps.exists():
            pytest.skip("no /proc here")
        loaded = maps.read_text()
    assert "vips" in loaded
    assert "torch" not in loaded
    assert "/numpy/" not in loaded
