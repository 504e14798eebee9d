"""`giornata doctor`: checks what the program stands on, one verdict a line, before a batch finds out."""

import json
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from giornata.cluster.batch.catalog import user_library
from giornata.cluster.cli.exits import Exit
from giornata.cluster.settings import GIB, ClusterSettings, Machine, settings_for

# Ray, torch and pyvips are imported inside the checks: what does not import is a finding here, not a crash.

PYTHON_NEEDED = (3, 11)
RAY_NEEDED = (2, 60)
SQLITE_SAFE = (3, 51, 3)  # before it, a checkpoint that meets a WAL reset can lose committed pages
FORMATS = ("jpeg", "png", "webp", "tiff")
DISK_BYTES = 5 * GIB  # one 400 Mpx picture as uncompressed 8-bit TIFF, its scratch tiles and its output
SHARED_MEMORY_BYTES = GIB // 4  # Ray's object store as we start it; below, it goes to a disk


class CheckResult(StrEnum):
    """How bad a finding is: `fail` means that rendering will not work."""

    OK = "ok"
    WARNING = "warning"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the examination."""

    name: str
    verdict: CheckResult
    detail: str


Finding = tuple[CheckResult, str]


def examine(settings: ClusterSettings, *, verify_styles: Callable[[], str] | None = None) -> list[Check]:
    """All checks, in the order in which one image meets them; never raises.

    `verify_styles` hashes the weights of the shipped styles and returns a summary, or raises.
    """
    return [_run(name, look) for name, look in _checks(settings, verify_styles)]


def worst(checks: list[Check]) -> CheckResult:
    """The gravest verdict among `checks`."""
    return max((check.verdict for check in checks), key=list(CheckResult).index, default=CheckResult.OK)


def _checks(
    settings: ClusterSettings, verify_styles: Callable[[], str] | None
) -> Iterator[tuple[str, Callable[[], Finding]]]:
    yield "python", check_python
    yield "torch", lambda: check_torch(settings)
    yield "ray", lambda: check_ray(version("ray"))
    yield "pyvips", check_pyvips
    yield "sqlite", lambda: check_sqlite(sqlite3.sqlite_version)
    yield "home", lambda: check_writable(settings.home)
    yield "home disk", lambda: check_disk(settings.home, needed_bytes=DISK_BYTES)
    yield "scratch", lambda: check_writable(settings.scratch)
    yield "scratch disk", lambda: check_disk(settings.scratch, needed_bytes=DISK_BYTES)
    yield "shared memory", lambda: check_disk(Path("/dev/shm"), needed_bytes=SHARED_MEMORY_BYTES)  # noqa: S108
    if verify_styles is not None:
        yield "styles", lambda: (CheckResult.OK, verify_styles())


def _run(name: str, look: Callable[[], Finding]) -> Check:
    try:
        verdict, detail = look()
    except Exception as error:
        verdict, detail = CheckResult.FAIL, f"{type(error).__name__}: {error}"
    return Check(name, verdict, detail)


def check_python() -> Finding:
    """The interpreter's version."""
    good = sys.version_info >= PYTHON_NEEDED
    return CheckResult.OK if good else CheckResult.FAIL, _against(
        platform.python_version(), PYTHON_NEEDED, good
    )


def check_torch(settings: ClusterSettings) -> Finding:
    """Check that torch computes on the device of the workers; allocates a few bytes on it."""
    import torch

    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    if float(torch.ones(2, device=device).sum()) != 2.0:
        return CheckResult.FAIL, f"{torch.__version__} on {device}: 1 + 1 is not 2"
    where = torch.cuda.get_device_name() if cuda else "CPU"
    layout = f"{settings.workers} workers × {settings.threads_per_worker} threads"
    if settings.gpus_per_worker and not cuda:
        return CheckResult.FAIL, f"{torch.__version__} sees no GPU, workers are set to use one"
    return CheckResult.OK, f"{torch.__version__} on {where}, {layout}"


def check_ray(installed: str) -> Finding:
    """Ray's version; starting it takes seconds and is left to the first batch."""
    good = _numbers(installed)[:2] >= RAY_NEEDED
    return CheckResult.OK if good else CheckResult.FAIL, _against(installed, RAY_NEEDED, good)


def check_pyvips() -> Finding:
    """Check that libvips is installed and reads the formats we promise."""
    import pyvips

    libvips = f"libvips {pyvips.version(0)}.{pyvips.version(1)}.{pyvips.version(2)}"
    missing = [name for name in FORMATS if not pyvips.type_find("VipsForeignLoad", f"{name}load")]
    if missing:
        return CheckResult.FAIL, f"{libvips} cannot read {', '.join(missing)}"
    return CheckResult.OK, f"{libvips} reads {', '.join(FORMATS)}"


def check_sqlite(installed: str) -> Finding:
    """SQLite's version: older ones work, with a rare bug in the journal mode that we use."""
    if _numbers(installed) >= SQLITE_SAFE:
        return CheckResult.OK, installed
    return CheckResult.WARNING, f"{_against(installed, SQLITE_SAFE, False)} to be safe from the WAL-reset bug"


def check_writable(folder: Path) -> Finding:
    """Check that files can be made and renamed in `folder`, which is created; leaves no file in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-") as inside:
        before, after = Path(inside, "before"), Path(inside, "after")
        before.write_bytes(b"giornata")
        before.rename(after)
        intact = after.read_bytes() == b"giornata"
    return (
        CheckResult.OK if intact else CheckResult.FAIL
    ), f"{folder} {'is' if intact else 'is not'} writable"


def check_disk(folder: Path, *, needed_bytes: int) -> Finding:
    """Free space where `folder` is or will be."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    detail = f"{free_bytes / GIB:.1f} GiB free in {folder}"
    if free_bytes >= needed_bytes:
        return CheckResult.OK, detail
    return CheckResult.WARNING, f"{detail}, advised {needed_bytes / GIB:g} GiB"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())


def _against(installed: str, needed: tuple[int, ...], good: bool) -> str:
    return installed if good else f"{installed}, needed {'.'.join(map(str, needed))}"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
COLOURS = {CheckResult.OK: "green", CheckResult.WARNING: "yellow", CheckResult.FAIL: "red"}


def verify_styles() -> str:
    """A summary of the library, or a `ValueError` that names the first broken style."""
    verdicts = user_library().verify()
    for verdict in verdicts:
        if verdict.problem:
            raise ValueError(f"{verdict.name}: {verdict.problem}")
    return f"{len(verdicts)} styles, all weights as their cards say"


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check Python, torch, Ray, libvips, SQLite, folders, disks and styles."""
    settings = settings_for(Machine.detect())
    checks = examine(settings, verify_styles=verify_styles)
    if as_json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks]) + "\n")
    else:
        console = Console(highlight=False, soft_wrap=True)
        for check in checks:
            colour = COLOURS[check.verdict]
            console.print(f"[{colour}]{check.verdict.value:<8}[/] {check.name:<14} ", end="")
            console.print(check.detail, markup=False)
    if worst(checks) is CheckResult.FAIL:
        raise typer.Exit(Exit.FAILED)
