"""Previews: what browsers can show of any picture, newest wish first, in a folder that stays bounded."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from giornata.cluster.dashboard.previews import Previews, PreviewSize
from giornata.cluster.dashboard.work_queue import BoundedFolder, Maker, PreviewUnavailable, WorkQueue, in_time


def test_a_sixteen_bit_tiff_and_a_cmyk_jpeg_come_as_jpegs_in_three_sizes(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 900 * 600 * 3).reshape(600, 900, 3).astype(np.uint16)
    pyvips.Image.new_from_array(deep, interpretation="rgb16").tiffsave(str(tmp_path / "deep.tif"))
    Image.new("CMYK", (300, 200), (0, 200, 200, 10)).save(tmp_path / "print.jpg")
    previews = Previews(tmp_path / "kept")
    try:
        for name in ("deep.tif", "print.jpg"):
            for size in PreviewSize:
                made = previews.ask(tmp_path / name, size).result(60)
                with Image.open(made) as small:
                    assert (small.format, small.mode) == ("JPEG", "RGB")
                    assert max(small.size) <= size.side_px
        assert previews.ask(tmp_path / "deep.tif", PreviewSize.SMALL).done()
    finally:
        previews.close()


def test_what_is_no_picture_has_none_and_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_bytes(b"not a picture")
    previews = Previews(tmp_path / "kept")
    try:
        with pytest.raises(PreviewUnavailable):
            previews.ask(tmp_path / "words.png", PreviewSize.SMALL).result(60)
        assert previews.ask(tmp_path / "words.png", PreviewSize.SMALL).done()
        with pytest.raises(PreviewUnavailable):
            previews.ask(tmp_path / "nothing.png", PreviewSize.SMALL).result(0)
    finally:
        previews.close()


def test_the_newest_wish_goes_first_and_the_oldest_are_dropped(tmp_path: Path) -> None:
    may_go, made = threading.Event(), []

    @contextmanager
    def making() -> Iterator[Maker[str]]:
        def make(target: Path, wish: str) -> None:
            may_go.wait(10)
            made.append(wish)

        yield make

    line: WorkQueue[str] = WorkQueue(making, waiting=3)
    first = line.ask(tmp_path / "first", "first")
    while not first.running():
        pass
    wishes = {name: line.ask(tmp_path / name, name) for name in "abcde"}
    may_go.set()
    assert wishes["c"].result(10) == tmp_path / "c"
    line.close()
    assert made == ["first", "e", "d", "c"]
    assert wishes["a"].cancelled()
    assert wishes["b"].cancelled()
    assert line.dropped == 2


def test_a_wish_that_fails_after_everybody_has_gone_is_no_fault_of_the_program(tmp_path: Path) -> None:
    complaints: list[object] = []

    async def leave(wish: "Future[Path]") -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, told: complaints.append(told))
        assert await in_time(wish, 0.01) is None
        wish.set_exception(PreviewUnavailable("too late"))
        await asyncio.sleep(0.05)
        gc.collect()

    asyncio.run(leave(Future()))
    assert complaints == []


def test_a_folder_gives_up_its_oldest_files(tmp_path: Path) -> None:
    folder = BoundedFolder(tmp_path, most_bytes=1000)
    for number in range(20):
        place = folder.place(f"{number:040}")
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"x" * 100)
        folder.count(100)
    kept = list(tmp_path.glob("??/*"))
    assert sum(path.stat().st_size for path in kept) <= 1000
    assert folder.found(f"{19:040}") is not None
