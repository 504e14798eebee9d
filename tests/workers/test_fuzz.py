"""Single changed bytes: nothing crashes, nothing hangs, and no picture with a hole in it is delivered.

What a format keeps a sum of is refused without exception. JPEG, lossy WebP, and LZW and uncompressed TIFF
keep none: there a changed byte may come out as other colours from its place on, and no decoder can know.
The long form prints how many do.
"""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from giornata.workers.source import RejectCode
from tests.workers.mutations import (
    LARGE_SHARE,
    Mutant,
    differing_share,
    flat_share,
    mutants,
    origins,
)
from tests.workers.pictures import Samples, written

SHORT, LONG = 220, 2000
ANSWER_S = 20
VISIBLE_SHARE = 0.01
WITH_SUMS = ("png", "png interlaced", "tiff deflate")
EXPECTED = {
    RejectCode.NOT_AN_IMAGE,
    RejectCode.UNSUPPORTED_FORMAT,
    RejectCode.UNSUPPORTED_BANDS,
    RejectCode.UNSUPPORTED_DEPTH,
    RejectCode.MULTI_PAGE,
    RejectCode.TOO_LARGE,
    RejectCode.BOMB,
    RejectCode.TRUNCATED,
    RejectCode.CORRUPT,
    RejectCode.MEMORY,
}


def decoded(sandbox: Sandbox, folder: Path, data: bytes) -> Samples:
    return np.array(sandbox.decode(written(folder / "source", data), folder / "scratch").pixels)


def outcome(sandbox: Sandbox, folder: Path, mutant: Mutant, original: Samples) -> str:
    """What became of it: refused, the same, nearly the same, or visibly other."""
    try:
        pixels = decoded(sandbox, folder, mutant.data)
    except Rejected as error:
        assert error.args[1] in EXPECTED, f"{mutant.origin} at {mutant.at}: {error}"
        return "refused"
    flat = flat_share(pixels)
    assert flat < LARGE_SHARE, f"{mutant.origin} at {mutant.at}: {flat:.0%} of the picture is flat"
    if pixels.shape != original.shape:
        return "another size"
    if np.array_equal(pixels, original):
        return "same"
    if mutant.origin in WITH_SUMS:
        pytest.fail(f"{mutant.origin} at {mutant.at}: other samples were delivered in spite of the sum")
    return "visibly other" if differing_share(pixels, original) > VISIBLE_SHARE else "nearly the same"


def fuzz(folder: Path, number: int, *, seed: int) -> dict[str, Counter[str]]:
    """Mutates, decodes and looks; the process that decodes must be the same from first to last."""
    seen: dict[str, Counter[str]] = {}
    with Sandbox() as sandbox:
        originals = {name: decoded(sandbox, folder, data) for name, data in origins().items()}
        pid = sandbox.pid
        for mutant in mutants(number, seed=seed):
            started = time.monotonic()
            result = outcome(sandbox, folder, mutant, originals[mutant.origin])
            seen.setdefault(mutant.origin, Counter())[result] += 1
            assert time.monotonic() - started < ANSWER_S, f"{mutant.origin} at {mutant.at} took too long"
            if sandbox.pid != pid:  # it is renewed after its share of files, and at no other time
                assert sum(map(Counter.total, seen.values())) > sandbox.limits.files_per_process // 3
                pid = sandbox.pid
    return seen


def test_a_changed_byte_is_refused_or_does_no_large_harm(tmp_path: Path) -> None:
    seen = fuzz(tmp_path, SHORT, seed=7)
    assert sum(map(Counter.total, seen.values())) == SHORT


@pytest.mark.slow
def test_two_thousand_changed_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = fuzz(tmp_path, LONG, seed=2026)
    with capsys.disabled():
        for origin, counts in seen.items():
            print(f"\n{origin:20} {dict(counts.most_common())}", end="")  # noqa: T201
    assert sum(map(Counter.total, seen.values())) == LONG
    harmed = {origin: counts["visibly other"] / counts.total() for origin, counts in seen.items()}
    assert all(harmed[origin] == 0 for origin in WITH_SUMS)
    assert harmed["tiff"] < 0.02  # a byte is a byte
