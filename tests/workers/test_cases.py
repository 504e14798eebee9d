"""Forty-two ways in which a source can be odd, each with its verdict and what is to be seen of it.

The files are made here, in a few kilobytes; `test_odd_files` looks at real ones of the same kinds.
"""

from pathlib import Path

import numpy as np
import pytest

from giornata.jobs.planning.conflicts import TargetIndex
from giornata.jobs.spec.naming import parse_template
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from tests.workers.file_cases import FILE_CASES
from tests.workers.odd_sources import Case
from tests.workers.pictures import (
    image,
    noise,
)
from tests.workers.sample_cases import SAMPLE_CASES

CASES = [*SAMPLE_CASES, *FILE_CASES]
ELSEWHERE = {37, 38, 42}  # not about one file's bytes: tested below


def test_every_case_has_its_verdict() -> None:
    assert {case.number for case in CASES} | ELSEWHERE == set(range(1, 43))


@pytest.mark.parametrize("case", CASES, ids=[f"{case.number:02d} {case.title}" for case in CASES])
def test_an_odd_source_gets_its_verdict(sandbox: Sandbox, tmp_path: Path, case: Case) -> None:
    path = case.make(tmp_path)
    scratch = tmp_path / "scratch"
    if case.verdict.startswith("rejected"):
        with pytest.raises(Rejected) as caught:
            sandbox.decode(path, scratch, case.reading)
        _, code, reason = caught.value.args
        assert f"rejected:{code}" == case.verdict, reason
        assert case.words in reason
        assert not scratch.exists() or list(scratch.iterdir()) == []
        return
    verdict = sandbox.verdict(path, case.reading)
    assert verdict.word == case.verdict, verdict
    assert verdict.facts is not None
    assert case.words in " ".join(verdict.facts.warnings)
    if not case.header_only:
        picture = sandbox.decode(path, scratch, case.reading)
        assert picture.pixels.shape == (picture.height, picture.width, 3)
        if case.check:
            case.check(picture)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("out/Kirche.tif", "out/kirche.tif"), id="37 names that differ in case"),
        pytest.param(("out/né.tif", "out/ne\u0301.tif"), id="37 names that differ in how they are composed"),
    ],
)
def test_names_that_are_one_file_somewhere_collide(names: tuple[str, str]) -> None:
    with TargetIndex() as index:
        assert index.add_target(names[0], by="the first") is None
        assert index.add_target(names[1], by="the second") == "the first"


def test_a_source_that_changed_under_its_name_is_read_anew(sandbox: Sandbox, tmp_path: Path) -> None:
    """Case 38: libvips would give the pixels it remembers."""
    for seed in (1, 2):
        image(noise(seed=seed)).pngsave(tmp_path / "a.png")
        picture = sandbox.decode(tmp_path / "a.png", tmp_path / f"scratch{seed}")
        assert np.array_equal(picture.pixels, noise(seed=seed))


@pytest.mark.parametrize("template", ["../{stem}{ext}", "a/../../{stem}", "/etc/{stem}"])
def test_a_template_that_leaves_its_folder_is_refused(template: str) -> None:
    """Case 42; names that a picture brings along cannot lead out, see `tests/jobs/test_naming`."""
    with pytest.raises(ValueError, match="stays in the destination"):
        parse_template(template)
