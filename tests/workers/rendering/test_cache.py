import multiprocessing
import time
from pathlib import Path

import pytest

from giornata.workers.rendering.cache import RECORD, StyledImageCache

KEY = "0" * 40


def kept(masters: StyledImageCache, key: str, folder: Path, size: int = 1000) -> bool:
    path = folder / f"{key}.npy"
    path.write_bytes(b"x" * size)
    return masters.keep(key, {"canvas.npy": path}, lambda place: f"lies in {place}")


def test_a_master_is_found_by_its_key_and_outlives_its_files(tmp_path: Path) -> None:
    masters = StyledImageCache(tmp_path / "masters")
    with masters.use(KEY) as nothing:
        assert nothing is None
    assert kept(masters, KEY, tmp_path)
    (tmp_path / f"{KEY}.npy").unlink()
    with masters.use(KEY) as folder:
        assert folder is not None
        assert (folder / "canvas.npy").read_bytes() == b"x" * 1000
        assert (folder / RECORD).read_text() == f"lies in {folder}"


def test_the_first_master_of_a_key_counts(tmp_path: Path) -> None:
    masters = StyledImageCache(tmp_path / "masters")
    assert kept(masters, KEY, tmp_path)
    assert not kept(masters, KEY, tmp_path, size=2000)


def test_the_longest_unused_master_goes_when_room_is_needed(tmp_path: Path) -> None:
    masters = StyledImageCache(tmp_path / "masters", room_bytes=2500)
    for key in ("a", "b"):
        assert kept(masters, key, tmp_path)
        time.sleep(0.02)
    with masters.use("a"):
        pass
    assert kept(masters, "c", tmp_path)
    held = {key for key in "abc" if (tmp_path / "masters" / key / RECORD).exists()}
    assert held == {"a", "c"}


def test_a_master_that_is_used_stays(tmp_path: Path) -> None:
    masters = StyledImageCache(tmp_path / "masters", room_bytes=1500)
    assert kept(masters, "a", tmp_path)
    with masters.use("a") as folder:
        assert not kept(masters, "b", tmp_path)
        assert folder is not None and (folder / RECORD).exists()
    assert kept(masters, "b", tmp_path)


def test_what_is_larger_than_all_room_is_not_kept(tmp_path: Path) -> None:
    assert not kept(StyledImageCache(tmp_path / "masters", room_bytes=10), KEY, tmp_path)
    assert not list((tmp_path / "masters").glob("*.part"))


def _hold(root: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with StyledImageCache(root).build_lock(KEY, lambda: None):
        ready.set()
        time.sleep(60)


def test_one_makes_a_master_while_others_wait_and_a_dead_process_holds_nobody_up(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready))
    holder.start()
    try:
        assert ready.wait(60)
        ticks = []

        def tick() -> None:
            ticks.append(1)
            if len(ticks) == 2:
                holder.kill()

        with StyledImageCache(tmp_path).build_lock(KEY, tick):
            assert len(ticks) >= 2
    finally:
        holder.kill()
        holder.join()


def test_what_the_tick_raises_ends_the_wait(tmp_path: Path) -> None:
    masters = StyledImageCache(tmp_path)

    def tick() -> None:
        raise KeyboardInterrupt

    with (
        masters.build_lock(KEY, lambda: None) as turn,
        pytest.raises(KeyboardInterrupt),
        masters.build_lock(KEY, tick),
    ):
        raise AssertionError
    turn.close()
    with masters.build_lock(KEY, tick):
        pass


def test_what_many_make_together_is_waited_for_as_long_as_they_do(tmp_path: Path) -> None:
    masters = StyledImageCache(tmp_path / "masters")
    work = tmp_path / "work"
    work.mkdir()
    assert not masters.is_distributed(KEY, "one")
    masters.mark_distributed(KEY, "one", work)
    assert masters.is_distributed(KEY, "two")
    assert not masters.is_distributed(KEY, "one")  # whose it is may begin again
    work.rmdir()
    assert not masters.is_distributed(KEY, "two")
