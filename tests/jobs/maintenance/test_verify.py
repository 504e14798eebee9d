"""`verify` reads every file again, says what is amiss, and repairs it without losing anybody's file."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from giornata.jobs.errors import UnknownJob
from giornata.jobs.maintenance.verify import FileState, Verified, compare, verify
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.storage.local import LocalPublisher, LocalStore
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.schema import item
from giornata.jobs.store.store import JobStore
from tests.support.batches import carry_out, delivered, new_job, task_for
from tests.support.fakes import ManualClock

NAMES = ("a.png", "b.png", "deep/c.png", "deep/d.png")


def check(store: JobStore, job_id: str, *, repair: bool = False) -> Verified:
    return verify(store, LocalPublisher(), job_id, repair=repair)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "out"


@pytest.fixture
def job_id(store: JobStore, tmp_path: Path) -> str:
    return delivered(store, tmp_path, *NAMES)


def test_an_untouched_job_is_whole(store: JobStore, job_id: str) -> None:
    assert check(store, job_id) == Verified(4, 4, [], [], [])
    assert check(store, job_id, repair=True) == Verified(4, 4, [], [], [])
    assert store.jobs.snapshot(job_id).state is JobState.COMPLETED


def test_what_is_amiss_is_told_with_a_sentence_each(store: JobStore, job_id: str, out: Path) -> None:
    (out / "a.png").unlink()
    (out / "b.png").write_bytes(b"cut")
    flipped = bytearray((out / "deep/c.png").read_bytes())
    flipped[-1] ^= 1
    (out / "deep/c.png").write_bytes(flipped)
    found = check(store, job_id)
    size = len(flipped)
    assert (found.checked, found.intact, found.is_whole) == (4, 1, False)
    assert found.missing == [f"{out / 'a.png'}: gone since it was delivered"]
    assert found.damaged == [
        f"{out / 'b.png'}: got 3 bytes, delivered {(out / 'deep/d.png').stat().st_size - 5}",
        f"{out / 'deep/c.png'}: got other content in the same {size} bytes",
    ]
    assert store.jobs.snapshot(job_id).state is JobState.COMPLETED


def test_repair_makes_missing_and_damaged_files_again_and_keeps_the_damaged(
    store: JobStore, job_id: str, out: Path
) -> None:
    whole = {name: (out / name).read_bytes() for name in NAMES}
    (out / "a.png").unlink()
    (out / "b.png").write_bytes(b"retouched by hand")
    (out / "b.png.damaged-1").write_bytes(b"from last time")
    found = check(store, job_id, repair=True)
    assert found.reopened == 2
    assert found.missing[0].endswith("gone since it was delivered; queued again")
    assert found.damaged[0].endswith("moved to b.png.damaged-2, queued again")
    assert store.jobs.snapshot(job_id).counts[ItemState.QUEUED] == 2
    assert store.jobs.snapshot(job_id).state is JobState.QUEUED
    assert carry_out(store, job_id) is JobState.COMPLETED
    assert {name: (out / name).read_bytes() for name in NAMES} == whole
    assert (out / "b.png.damaged-1").read_bytes() == b"from last time"
    assert (out / "b.png.damaged-2").read_bytes() == b"retouched by hand"
    assert check(store, job_id) == Verified(4, 4, [], [], [])


def test_repair_says_who_asked(store: JobStore, job_id: str, out: Path) -> None:
    (out / "a.png").unlink()
    verify(store, LocalPublisher(), job_id, repair=True, actor="ada")
    (reopened,) = [event for event in store.events.page(job_id=job_id) if event.kind == "reopen_items"]
    assert reopened.actor == "ada"


def test_a_skipped_item_answers_for_the_delivery_it_relies_on(
    store: JobStore, job_id: str, tmp_path: Path, out: Path
) -> None:
    kept = NewItem(task_for(tmp_path, "a.png"), ItemState.SKIPPED, "already delivered")
    never = NewItem(task_for(tmp_path, "never.png"), ItemState.SKIPPED, "skipped by a person")
    second = new_job(store, tmp_path, [kept, never], name="again")
    assert check(store, second) == Verified(1, 1, [], [], [])
    (out / "a.png").unlink()
    found = check(store, second, repair=True)
    assert (found.checked, found.reopened, len(found.missing)) == (1, 1, 1)
    assert carry_out(store, second) is JobState.COMPLETED
    assert (out / "a.png").exists()


def test_a_later_job_that_replaced_a_file_answers_for_it(
    store: JobStore, clock: ManualClock, job_id: str, tmp_path: Path, out: Path
) -> None:
    newer = task_for(tmp_path, "a.png").model_copy(update={"strength": 0.25})
    second = new_job(store, tmp_path, [NewItem(newer, replace=True)], name="again")
    clock.sleep(10)
    carry_out(store, second)
    assert check(store, job_id).is_whole
    (out / "a.png").write_bytes(b"cut")
    found = check(store, job_id, repair=True)
    assert found.damaged[0].endswith(f"delivered later by job {second}; left to that job to repair")
    assert (found.reopened, (out / "a.png").read_bytes()) == (0, b"cut")
    assert check(store, second, repair=True).reopened == 1


def test_a_folder_in_the_place_of_a_file_is_a_missing_file(store: JobStore, job_id: str, out: Path) -> None:
    (out / "a.png").unlink()
    (out / "a.png").mkdir()
    assert len(check(store, job_id).missing) == 1


def test_a_file_that_cannot_be_read_is_told_and_left(store: JobStore, job_id: str) -> None:
    class Locked(LocalPublisher):
        def sha256(self, target: str) -> str:
            raise PermissionError(13, "Permission denied", target)

    found = verify(store, Locked(), job_id, repair=True)
    assert (found.checked, found.intact, found.reopened) == (4, 0, 0)
    assert found.damaged[0].endswith("could not be read (Permission denied)")


def test_a_damaged_file_that_cannot_be_moved_is_not_made_again(
    store: JobStore, job_id: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (out / "a.png").write_bytes(b"cut")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "touch", refuse)
    found = check(store, job_id, repair=True)
    assert found.damaged[0].endswith("could not be moved aside (Operation not permitted)")
    assert (found.reopened, store.jobs.snapshot(job_id).state) == (0, JobState.COMPLETED)


def test_progress_counts_up_to_all_files(store: JobStore, job_id: str) -> None:
    seen: list[tuple[int, int]] = []
    verify(store, LocalPublisher(), job_id, progress=lambda checked, total: seen.append((checked, total)))
    assert seen == [(number, 4) for number in range(1, 5)]


def test_an_unknown_job_is_refused(store: JobStore) -> None:
    with pytest.raises(UnknownJob):
        check(store, "none")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=200), cut=st.integers(0, 200), bit=st.integers(0, 1599))
def test_no_cut_and_no_flipped_bit_goes_unnoticed(tmp_path: Path, data: bytes, cut: int, bit: int) -> None:
    place = tmp_path / "file"
    place.write_bytes(data)
    files = LocalPublisher()
    sha256 = files.sha256(str(place))
    assert compare(files, str(place), len(data), sha256).finding is FileState.INTACT
    place.write_bytes(data[:cut])
    whole = cut >= len(data)
    assert (compare(files, str(place), len(data), sha256).finding is FileState.INTACT) == whole
    flipped = bytearray(data)
    flipped[bit // 8 % len(data)] ^= 1 << bit % 8
    place.write_bytes(flipped)
    assert compare(files, str(place), len(data), sha256).finding is FileState.DAMAGED


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stem=st.text("aü€x", min_size=1, max_size=240))
def test_moving_aside_never_takes_a_name_and_keeps_the_file(tmp_path: Path, stem: str) -> None:
    name = (stem.encode()[:240]).decode(errors="ignore") + ".png"
    seen = set()
    for number in range(3):
        place = tmp_path / name
        place.write_bytes(bytes([number]))
        aside = Path(LocalStore().move_aside(str(place)))
        assert aside not in seen
        assert aside.read_bytes() == bytes([number])
        assert not place.exists()
        seen.add(aside)
    for aside in seen:
        aside.unlink()


class AsRecorded(LocalPublisher):
    """Files that are all as they were, without a disk."""

    def size(self, target: str) -> int | None:
        return 1

    def sha256(self, target: str) -> str:
        return "0" * 64


def test_memory_does_not_grow_with_the_job(store: JobStore, tmp_path: Path) -> None:
    peaks = []
    for size in (1_500, 6_000):
        job_id = new_job(store, tmp_path, [f"{size}-{number}.png" for number in range(size)], name=f"n{size}")
        with store._database.write() as connection:
            whole = update(item).where(item.c.job_id == job_id)
            connection.execute(whole.values(state=ItemState.DONE, bytes=1, sha256="0" * 64))
        tracemalloc.start()
        assert verify(store, AsRecorded(), job_id).intact == size
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000
