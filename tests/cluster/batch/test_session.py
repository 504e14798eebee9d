from pathlib import Path

import pytest

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.batch.session import batch_session, session_scratch, worker_environment
from giornata.cluster.cli.exits import Exit, code_of
from giornata.cluster.errors import StoreInUse
from giornata.cluster.settings import STORE_NAME, ClusterSettings, Machine, settings_for
from giornata.jobs.store.store import JobStore
from giornata.styles.library import Library


def test_a_batch_does_not_run_beside_a_service_on_its_store(tmp_path: Path) -> None:
    settings = ClusterSettings(workers=1, home=tmp_path, scratch=tmp_path / "scratch")
    with JobStore(tmp_path / STORE_NAME) as store:
        lock = store.manager_lock()
        assert lock.acquire(exclusive=True)
        with (
            pytest.raises(StoreInUse, match="use: giornata submit") as refused,
            batch_session(settings, styles=InstalledStyles(Library())),
        ):
            pass
        lock.release()
    assert code_of(refused.value) is Exit.REJECTED


def test_two_batches_share_a_store(tmp_path: Path) -> None:
    with JobStore(tmp_path / STORE_NAME) as one, JobStore(tmp_path / STORE_NAME) as other:
        first, second = one.manager_lock(), other.manager_lock()
        assert first.acquire(exclusive=False)
        assert second.acquire(exclusive=False)
        assert not JobStore(tmp_path / STORE_NAME).manager_lock().acquire(exclusive=True)
        first.release()
        second.release()


def test_scratch_of_dead_processes_is_cleared_and_of_living_ones_kept(tmp_path: Path) -> None:
    (tmp_path / "session-999999999-dead").mkdir()
    with session_scratch(tmp_path) as first, session_scratch(tmp_path) as second:
        assert {path.name for path in tmp_path.iterdir()} == {first.name, second.name}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("memory_bytes", "keeps_freed"), [(2 * 10**9, False), (16 * 10**9, True)])
def test_workers_give_freed_memory_back_where_memory_is_short(memory_bytes: int, keeps_freed: bool) -> None:
    machine = Machine(cpus=2, memory_bytes=64 * 10**9, gpus=0)
    variables = worker_environment(settings_for(machine, memory_bytes=memory_bytes))
    assert ("MALLOC_MMAP_MAX_" in variables) == keeps_freed
    assert ("MALLOC_MMAP_THRESHOLD_" in variables) != keeps_freed
    assert variables["VIPS_CONCURRENCY"] == "1"
