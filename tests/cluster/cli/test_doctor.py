"""The doctor's verdicts, on this machine and on what it must not survive quietly."""

from pathlib import Path

import pytest

from giornata.cluster.cli.doctor import (
    Check,
    CheckResult,
    check_disk,
    check_ray,
    check_sqlite,
    check_torch,
    check_writable,
    examine,
    worst,
)
from giornata.cluster.settings import ClusterSettings


@pytest.fixture
def settings(tmp_path: Path) -> ClusterSettings:
    return ClusterSettings(home=tmp_path / "home", scratch=tmp_path / "scratch")


def test_this_machine_passes_with_one_line_for_each_check(settings: ClusterSettings) -> None:
    checks = examine(settings, verify_styles=lambda: "8 styles")
    assert [check for check in checks if check.verdict is CheckResult.FAIL] == []
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.detail and "\n" not in check.detail for check in checks)
    assert checks[-1] == Check("styles", CheckResult.OK, "8 styles")


def test_a_check_that_raises_is_a_failure_with_its_reason(settings: ClusterSettings) -> None:
    def broken() -> str:
        raise ValueError("great-wave: hash differs")

    last = examine(settings, verify_styles=broken)[-1]
    assert last == Check("styles", CheckResult.FAIL, "ValueError: great-wave: hash differs")


def test_styles_are_left_out_when_nobody_verifies_them(settings: ClusterSettings) -> None:
    assert "styles" not in {check.name for check in examine(settings)}


@pytest.mark.parametrize(
    ("installed", "verdict"),
    [
        ("3.39.4", CheckResult.WARNING),
        ("3.51.2", CheckResult.WARNING),
        ("3.51.3", CheckResult.OK),
        ("4.0.0", CheckResult.OK),
    ],
)
def test_an_sqlite_with_the_wal_reset_bug_is_a_warning(installed: str, verdict: CheckResult) -> None:
    assert check_sqlite(installed)[0] is verdict


@pytest.mark.parametrize(("installed", "verdict"), [("2.59.1", CheckResult.FAIL), ("2.60.0", CheckResult.OK)])
def test_an_old_ray_fails(installed: str, verdict: CheckResult) -> None:
    assert check_ray(installed)[0] is verdict


def test_a_full_disk_is_a_warning_that_says_what_is_advised(tmp_path: Path) -> None:
    verdict, detail = check_disk(tmp_path / "not" / "yet", needed_bytes=2**60)
    assert verdict is CheckResult.WARNING
    assert "advised" in detail


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    verdict, _ = check_writable(tmp_path / "deep" / "home")
    assert verdict is CheckResult.OK
    assert list((tmp_path / "deep" / "home").iterdir()) == []


def test_a_home_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    checks = examine(ClusterSettings(home=tmp_path / "home", scratch=tmp_path))
    (home,) = (check for check in checks if check.name == "home")
    assert home.verdict is CheckResult.FAIL


def test_workers_set_to_a_gpu_that_is_not_there_fail(settings: ClusterSettings) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert check_torch(settings.model_copy(update={"gpus_per_worker": 1.0}))[0] is CheckResult.FAIL


def test_the_worst_verdict_counts() -> None:
    checks = [
        Check("a", CheckResult.WARNING, ""),
        Check("b", CheckResult.FAIL, ""),
        Check("c", CheckResult.OK, ""),
    ]
    assert worst(checks) is CheckResult.FAIL
    assert worst(checks[:1]) is CheckResult.WARNING
    assert worst([]) is CheckResult.OK
