"""How a machine is measured and cut into workers."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from giornata.cluster.settings import (
    LEAST_WORKER_BYTES,
    MEMORY_SHARE,
    OWN_BYTES,
    WORKER_BYTES,
    ClusterSettings,
    Layout,
    Machine,
    choose_layout,
    settings_for,
    usable_cpus,
    usable_memory_bytes,
)

PLENTY = 1000 * WORKER_BYTES


@pytest.mark.parametrize(
    ("machine", "workers", "layout"),
    [
        pytest.param(Machine(8, PLENTY, 0), None, Layout(8, 1, 0.0), id="a core each"),
        pytest.param(Machine(8, 3 * WORKER_BYTES, 0), None, Layout(2, 4, 0.0), id="memory for two"),
        pytest.param(
            Machine(8, 1, 0), None, Layout(1, 8, 0.0, LEAST_WORKER_BYTES), id="memory for none is one"
        ),
        pytest.param(Machine(16, PLENTY, 2), None, Layout(2, 8, 1.0), id="a gpu each"),
        pytest.param(Machine(16, PLENTY, 2), 3, Layout(3, 5, 0.5), id="two share a gpu"),
        pytest.param(Machine(4, PLENTY, 0), 2, Layout(2, 2, 0.0), id="two asked for"),
    ],
)
def test_a_machine_is_cut_into_workers(machine: Machine, workers: int | None, layout: Layout) -> None:
    assert choose_layout(machine, workers=workers) == layout


def test_a_limit_of_memory_makes_tiles_smaller_on_any_number_of_workers() -> None:
    machine = Machine(4, PLENTY, 0)
    some = [settings_for(machine, memory_bytes=2_000_000_000, workers=count) for count in (None, 1, 2, 4)]
    assert [each.workers for each in some] == [1, 1, 2, 4]
    assert some[0].threads_per_worker == 4
    assert {each.worker_bytes for each in some} == {int(2_000_000_000 * MEMORY_SHARE) - OWN_BYTES}
    assert settings_for(machine, memory_bytes=10**13).worker_bytes == WORKER_BYTES


@given(st.integers(1, 256), st.integers(0, PLENTY), st.integers(0, 16), st.none() | st.integers(1, 64))
def test_workers_never_ask_for_more_gpus_than_there_are(
    cpus: int, memory_bytes: int, gpus: int, workers: int | None
) -> None:
    layout = choose_layout(Machine(cpus, memory_bytes, gpus), workers=workers)
    assert layout.workers >= 1
    assert layout.threads_per_worker >= 1
    if layout.gpus_per_worker:
        assert layout.workers <= gpus * int(1 / layout.gpus_per_worker)


def test_a_container_quota_caps_the_cores(tmp_path: Path) -> None:
    allowed = len(os.sched_getaffinity(0))
    assert usable_cpus(tmp_path) == allowed
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cpus(tmp_path) == allowed
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert usable_cpus(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert usable_cpus(tmp_path) == 1


def test_a_container_quota_of_the_first_version_caps_the_cores(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == len(os.sched_getaffinity(0))
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max", 2048 * 1024), ("1000", 1000), (str(2**63 - 4096), 2048 * 1024)],
    ids=["no limit", "a limit", "no limit as a number"],
)
def test_a_container_limit_caps_the_memory(tmp_path: Path, limit: str, expected: int) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 4096 kB\nMemAvailable: 2048 kB\n")
    (tmp_path / "memory.max").write_text(limit + "\n")
    assert usable_memory_bytes(tmp_path, meminfo) == expected


def test_this_machine_can_be_measured() -> None:
    machine = Machine.detect(gpus=0)
    assert machine.cpus >= 1
    assert machine.memory_bytes > 0


def test_home_and_scratch_follow_the_environment_and_arguments_win(tmp_path: Path) -> None:
    machine = Machine(4, PLENTY, 0)
    named = settings_for(machine, environment={"GIORNATA_HOME": str(tmp_path)})
    assert (named.home, named.scratch) == (tmp_path, tmp_path / "scratch")
    apart = settings_for(machine, environment={"GIORNATA_SCRATCH": "/fast"}, call_timeout_s=5)
    assert (apart.home, apart.scratch) == (Path.home() / ".giornata", Path("/fast"))
    assert apart.call_timeout_s == 5
    assert (apart.workers, apart.threads_per_worker) == (4, 1)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="colour"):
        settings_for(Machine(4, PLENTY, 0), colour="blue")
    with pytest.raises(ValidationError, match="frozen"):
        ClusterSettings(home=tmp_path, scratch=tmp_path).workers = 2  # type: ignore[misc]
