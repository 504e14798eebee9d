import os
import signal
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from giornata.workers.decoding.options import Limits
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected, ScratchFull
from giornata.workers.source import RejectCode
from tests.workers.pictures import encoded, image, noise, photo, png_header, written


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return written(tmp_path / "picture.png", encoded("png"))


def code_of(sandbox: Sandbox, path: Path | str) -> RejectCode | None:
    return sandbox.verdict(path).code


def test_one_process_serves_many_files(picture: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        first = sandbox.pid
        for _ in range(20):
            sandbox.inspect(picture)
        assert sandbox.pid == first
    assert sandbox.pid is None


def test_a_refused_file_does_not_cost_a_process(picture: Path, tmp_path: Path) -> None:
    page = written(tmp_path / "page.jpg", b"<html>not found</html>")
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        first = sandbox.pid
        for _ in range(3):
            with pytest.raises(Rejected, match="starts with <html>"):
                sandbox.decode(page, tmp_path / "scratch")
        assert sandbox.pid == first


def test_the_process_is_renewed_after_its_share_of_files(picture: Path) -> None:
    with Sandbox(Limits(files_per_process=2)) as sandbox:
        pids = []
        for _ in range(4):
            sandbox.inspect(picture)
            pids.append(sandbox.pid)
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_files_that_cannot_be_opened_have_a_verdict(sandbox: Sandbox, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert code_of(sandbox, tmp_path / "none.jpg") is RejectCode.MISSING
    assert code_of(sandbox, tmp_path) is RejectCode.NOT_A_FILE
    assert code_of(sandbox, tmp_path / "pipe.jpg") is RejectCode.NOT_A_FILE
    assert code_of(sandbox, written(tmp_path / "empty.jpg", b"")) is RejectCode.EMPTY


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_has_a_verdict(sandbox: Sandbox, picture: Path) -> None:
    picture.chmod(0)
    assert code_of(sandbox, picture) is RejectCode.PERMISSION


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(unicodedata.normalize("NFC", "Führung né.png"), id="composed"),
        pytest.param(unicodedata.normalize("NFD", "Führung né.png"), id="decomposed"),
        pytest.param("画像 🖼.png", id="beyond latin"),
        pytest.param("a[page=3].png", id="looks like an option"),
        pytest.param("line\nbreak.png", id="line break"),
        pytest.param(os.fsdecode(b"latin-\xe9.png"), id="not utf-8"),
    ],
)
def test_any_name_that_the_disk_holds_is_read(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    samples = noise()
    path = written(tmp_path / name, bytes(image(samples).pngsave_buffer()))
    picture = sandbox.decode(path, tmp_path / "scratch")
    assert np.array_equal(picture.pixels, samples)
    assert picture.facts.source == str(path)


def test_relative_names_are_read_from_the_callers_folder(
    sandbox: Sandbox, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.inspect(picture)
    monkeypatch.chdir(picture.parent)
    assert sandbox.inspect(picture.name).width == 160


def test_a_process_found_dead_is_replaced(picture: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        assert sandbox.pid is not None
        os.kill(sandbox.pid, signal.SIGKILL)
        time.sleep(0.05)
        assert sandbox.inspect(picture).width == 160


@contextmanager
def ended_in_the_middle(sandbox: Sandbox, how: signal.Signals, *, times: int) -> Iterator[None]:
    """Stops the process before it can answer and then ends it, and its successors, `times` in all."""
    assert sandbox.pid is not None
    os.kill(sandbox.pid, signal.SIGSTOP)
    over = threading.Event()

    def end() -> None:
        ended: set[int] = set()
        while len(ended) < times and not over.wait(0.01):
            pid = sandbox.pid
            if pid is not None and pid not in ended:
                over.wait(0.05)  # by now the request has been sent
                os.kill(pid, how)
                os.kill(pid, signal.SIGCONT)
                ended.add(pid)

    thread = threading.Thread(target=end)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_one_crash_in_the_middle_is_tried_again(picture: Path, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        with ended_in_the_middle(sandbox, signal.SIGKILL, times=1):
            assert sandbox.inspect(picture).width == 160


def test_a_file_that_crashes_twice_is_rejected_and_leaves_nothing(picture: Path, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        with (
            ended_in_the_middle(sandbox, signal.SIGSEGV, times=2),
            pytest.raises(Rejected, match="SIGSEGV") as caught,
        ):
            sandbox.decode(picture, tmp_path / "scratch")
        assert caught.value.args[1] is RejectCode.CRASHED
        assert sandbox.inspect(picture).width == 160  # the next file gets a new process


def test_a_hang_is_a_timeout(picture: Path) -> None:
    with Sandbox(Limits(cpu_s=0.1)) as sandbox:
        sandbox.inspect(picture)
        hung = sandbox.pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        started = time.monotonic()
        assert code_of(sandbox, picture) is RejectCode.TIMEOUT
        assert time.monotonic() - started < 5
        assert sandbox.inspect(picture).width == 160
        assert sandbox.pid != hung


def test_used_up_processor_time_is_a_timeout(picture: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.inspect(picture)
        with ended_in_the_middle(sandbox, signal.SIGXCPU, times=1):
            assert code_of(sandbox, picture) is RejectCode.TIMEOUT


def test_a_full_scratch_is_told_before_anything_is_written(tmp_path: Path) -> None:
    vast = written(tmp_path / "a.png", png_header(width=900_000, height=900_000))  # 2.4 TB of samples
    beyond = Limits(max_width_px=10**6, max_height_px=10**6, max_pixels=10**12, bomb_pixels=10**12)
    with Sandbox(beyond) as sandbox, pytest.raises(ScratchFull, match="needed 2430000 MB"):
        sandbox.decode(vast, tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_every_thread_may_have_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image(photo()).pngsave(path)
    widths: list[int] = []

    def look() -> None:
        with Sandbox() as sandbox:
            widths.extend(sandbox.inspect(path).width for _ in range(5))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert widths == [96] * 15
