"""Every source file has a test at the mirrored path, or stands on a short list with a reason."""

from pathlib import Path

from tests.architecture.covered_elsewhere import COVERED_ELSEWHERE

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("cluster", "jobs", "styles", "workers")
LEAST_SHARE = 0.85  # of the sources, with a test of their own


def sources() -> list[str]:
    """Paths below the repository of all sources, packages' own files aside."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py"
    )


def is_mirrored(source: str) -> bool:
    """Whether `test_<file>.py` or `test_<file>_<aspect>.py` lies at the same place below `tests`."""
    place = ROOT / "tests" / source
    return place.with_name(f"test_{place.name}").is_file() or any(
        place.parent.glob(f"test_{place.stem}_*.py")
    )


def test_every_source_has_a_test_of_its_own_or_a_reason() -> None:
    assert [path for path in sources() if not is_mirrored(path) and path not in COVERED_ELSEWHERE] == []


def test_no_reason_is_out_of_date() -> None:
    known = set(sources())
    assert [path for path in COVERED_ELSEWHERE if path not in known or is_mirrored(path)] == []


def test_the_tests_that_are_named_exist_and_their_reasons_say_something() -> None:
    for path, (test, reason) in COVERED_ELSEWHERE.items():
        assert (ROOT / test).is_file(), path
        assert len(reason.split()) >= 3, path


def test_the_list_stays_short() -> None:
    assert len(COVERED_ELSEWHERE) <= (1 - LEAST_SHARE) * len(sources())
