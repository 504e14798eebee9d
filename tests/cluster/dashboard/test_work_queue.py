import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from giornata.cluster.dashboard.work_queue import BoundedFolder, Maker, PreviewUnavailable, WorkQueue, in_time


def test_the_newest_request_goes_first_and_the_oldest_are_dropped(tmp_path: Path) -> None:
    may_go, made = threading.Event(), []

    @contextmanager
    def making() -> Iterator[Maker[str]]:
        def make(target: Path, request: str) -> None:
            may_go.wait(10)
            made.append(request)

        yield make

    queue: WorkQueue[str] = WorkQueue(making, waiting=3)
    first = queue.ask(tmp_path / "first", "first")
    while not first.running():
        pass
    requests = {name: queue.ask(tmp_path / name, name) for name in "abcde"}
    may_go.set()
    assert requests["c"].result(10) == tmp_path / "c"
    queue.close()
    assert made == ["first", "e", "d", "c"]
    assert requests["a"].cancelled()
    assert requests["b"].cancelled()
    assert queue.dropped == 2


def test_a_request_that_fails_after_everybody_has_gone_is_no_fault_of_the_program(tmp_path: Path) -> None:
    complaints: list[object] = []

    async def leave(request: "Future[Path]") -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, told: complaints.append(told))
        assert await in_time(request, 0.01) is None
        request.set_exception(PreviewUnavailable("too late"))
        await asyncio.sleep(0.05)
        gc.collect()

    asyncio.run(leave(Future()))
    assert complaints == []


def test_a_folder_gives_up_its_oldest_files(tmp_path: Path) -> None:
    folder = BoundedFolder(tmp_path, most_bytes=1000)
    for number in range(20):
        place = folder.path_of(f"{number:040}")
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"x" * 100)
        folder.count(100)
    kept = list(tmp_path.glob("??/*"))
    assert sum(path.stat().st_size for path in kept) <= 1000
    assert folder.lookup(f"{19:040}") is not None
