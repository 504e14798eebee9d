"""`ClusterSettings`: where the work runs, on how many workers, and how long each step may take."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

STORE_NAME = "jobs.sqlite"  # in the home folder, where no database is named
GIB = 1024**3
WORKER_BYTES = 3 * GIB // 2  # torch (0.4 GiB) and the activations of a 512 px tile with its halo in float32
OWN_BYTES = GIB // 2  # the manager's and Ray's own processes
LEAST_WORKER_BYTES = 3 * GIB // 4  # torch, and tiles of 512 px one block at a time
MEMORY_SHARE = 0.8  # the rest is the page cache's
STORE_BYTES = GIB // 4  # pixels move by files, so the object store only carries small things
GPU_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))  # the second is what WSL has
UNLIMITED_BYTES = 2**60  # cgroup v1 writes "no limit" as a number near 2**63


class ClusterSettings(BaseModel):
    """How one process uses Ray; `address` None means a Ray of our own that ends with us."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str | None = None
    workers: int = Field(default=1, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    worker_bytes: int = Field(default=WORKER_BYTES, gt=0)
    gpus_per_worker: float = Field(default=0.0, ge=0.0)
    home: Path
    scratch: Path
    store_bytes: int = Field(default=STORE_BYTES, ge=80 * 1024**2)  # Ray refuses less than 75 MB
    dashboard: bool = False
    connect_timeout_s: float = Field(
        default=30.0, gt=0
    )  # importing Ray alone takes seconds on a busy machine
    start_timeout_s: float = Field(
        default=180.0, gt=0
    )  # a first torch import from a cold disk takes a minute
    call_timeout_s: float = Field(
        default=900.0, gt=0
    )  # a call is sized for 30-60 s; this is "hung", not "slow"


@dataclass(frozen=True)
class Machine:
    """CPUs, memory and GPUs that this process may use."""

    cpus: int
    memory_bytes: int
    gpus: int

    @classmethod
    def detect(
        cls,
        *,
        cgroup: Path = Path("/sys/fs/cgroup"),
        meminfo: Path = Path("/proc/meminfo"),
        gpus: int | None = None,
    ) -> Self:
        """Measure; `gpus` None asks torch, which takes about two seconds to import."""
        return cls(
            cpus=usable_cpus(cgroup),
            memory_bytes=usable_memory_bytes(cgroup, meminfo),
            gpus=count_gpus() if gpus is None else gpus,
        )


@dataclass(frozen=True)
class Layout:
    """How a machine is cut into workers."""

    workers: int
    threads_per_worker: int
    gpus_per_worker: float
    worker_bytes: int = WORKER_BYTES


def choose_layout(machine: Machine, *, workers: int | None = None) -> Layout:
    """One worker per GPU, else one single-threaded worker per core as far as memory goes.

    Cores that memory leaves without a worker become threads. `workers` overrides the count, and nothing else:
    tiles, and so every bit of a picture, are the same on any number.
    """
    room = int(machine.memory_bytes * MEMORY_SHARE) - OWN_BYTES
    each = min(WORKER_BYTES, max(LEAST_WORKER_BYTES, room))
    if machine.gpus:
        count = workers or machine.gpus
        share = 1 / math.ceil(count / machine.gpus)  # a share of a device never spans two devices
    else:
        count, share = workers or max(1, min(machine.cpus, room // WORKER_BYTES)), 0.0
    return Layout(count, max(1, machine.cpus // count), share, each)


def settings_for(
    machine: Machine,
    *,
    environment: Mapping[str, str] = os.environ,
    workers: int | None = None,
    memory_bytes: int | None = None,
    **fields: object,
) -> ClusterSettings:
    """The settings for `machine`, or `memory_bytes` of it; `fields` of `ClusterSettings` win over both."""
    if memory_bytes is not None:
        machine = replace(machine, memory_bytes=min(machine.memory_bytes, memory_bytes))
    layout = choose_layout(machine, workers=workers)
    home = home_folder(environment)
    scratch = Path(environment.get("GIORNATA_SCRATCH") or home / "scratch").expanduser()
    chosen: dict[str, object] = {
        "workers": layout.workers,
        "threads_per_worker": layout.threads_per_worker,
        "gpus_per_worker": layout.gpus_per_worker,
        "worker_bytes": layout.worker_bytes,
        "home": home,
        "scratch": scratch,
    }
    return ClusterSettings.model_validate(chosen | fields)


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of all state: `GIORNATA_HOME`, by default `~/.giornata`."""
    return Path(environment.get("GIORNATA_HOME") or "~/.giornata").expanduser()


def usable_cpus(cgroup: Path) -> int:
    """Cores this process may use: its affinity, capped by the container's quota (cgroup v2 or v1)."""
    allowed = len(os.sched_getaffinity(0))
    quota = _first_words(cgroup / "cpu.max")
    if not quota:
        v1 = cgroup / "cpu"
        quota = _first_words(v1 / "cpu.cfs_quota_us") + _first_words(v1 / "cpu.cfs_period_us")
    if len(quota) != 2 or quota[0] in ("max", "-1"):
        return allowed
    return max(1, min(allowed, int(quota[0]) // int(quota[1])))


def usable_memory_bytes(cgroup: Path, meminfo: Path) -> int:
    """Bytes that are available without swapping, capped by the container's limit (cgroup v2 or v1)."""
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    limit = _first_words(cgroup / "memory.max") or _first_words(
        cgroup / "memory" / "memory.limit_in_bytes",
    )
    if not limit or limit[0] == "max" or int(limit[0]) >= UNLIMITED_BYTES:
        return available
    return min(available, int(limit[0]))


def count_gpus(drivers: Sequence[Path] = GPU_DRIVERS) -> int:
    """CUDA devices this process may use; opens no context on them. 0 without a driver's device file."""
    if not any(driver.exists() for driver in drivers):
        return 0
    # Imported here because only a process with a GPU at hand needs torch's two seconds and its memory.
    import torch

    return torch.cuda.device_count()


def _first_words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
