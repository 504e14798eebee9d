"""Running a job again: on what is there already, on what changed, and on what others put there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import PlanRefused
from giornata.jobs.manager.listing import REJECTED
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import render_bytes
from tests.support.manager_harness import Bench

Pictures = Callable[..., Path]
SpecOf = Callable[..., JobSpec]


def test_an_output_that_has_gone_is_made_again(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    (bench.base / "out" / "4_wave.jpg").unlink()
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert [Path(claim.task.source).name for claim in bench.runner.submitted] == ["4.jpg"]
    bench.audit(spec_of())


def test_an_output_that_someone_changed_is_not_written_over(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    changed = bench.base / "out" / "4_wave.jpg"
    changed.write_bytes(b"retouched by hand")
    for _ in range(2):
        assert bench.run(spec_of()) is JobState.COMPLETED_WITH_FAILURES
        assert changed.read_bytes() == b"retouched by hand"
    changed.rename(changed.with_name("mine.jpg"))
    assert bench.run(spec_of()) is JobState.COMPLETED


def test_a_strangers_file_is_never_written_over(bench: Bench, spec_of: SpecOf) -> None:
    (bench.base / "out").mkdir()
    theirs = bench.base / "out" / "4_wave.jpg"
    theirs.write_bytes(b"theirs")
    for policy in ("skip", "replace"):
        spec = spec_of(policy={"on_existing": policy})
        with pytest.raises(PlanRefused, match="was not made here"):
            bench.run(spec)
        job_id = bench.store.jobs.find(spec, base=bench.base) or ""
        assert bench.store.jobs.get(job_id).reason.startswith(REJECTED)
    assert theirs.read_bytes() == b"theirs"
    assert not list((bench.base / "out").glob(".giornata-*"))


def test_pictures_that_came_later_join_the_same_job(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    bench.run(spec_of())
    pictures("late.jpg")
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert [Path(claim.task.source).name for claim in bench.runner.submitted] == ["late.jpg"]
    assert bench.counts(spec_of()) == {"done": 10}


@pytest.mark.parametrize(
    ("policy", "expected"), [("skip", {"skipped": 9}), ("replace", {"done": 9}), ("fail", {"failed": 9})]
)
def test_outputs_of_an_earlier_job_are_kept_or_replaced_as_asked(
    bench: Bench, spec_of: SpecOf, policy: str, expected: dict[str, int]
) -> None:
    bench.run(spec_of())
    other = spec_of(render={"strength": 0.5}, policy={"on_existing": policy})
    bench.run(other)
    assert bench.counts(other) == expected
    (one, *_) = bench.store.items.all(bench.store.jobs.find(other, base=bench.base) or "")
    if policy == "skip":
        assert "with other settings; set on_existing: replace" in one.reason
    if policy == "replace":
        assert render_bytes(bench.runner.submitted[0]) == Path(one.target).read_bytes()
        bench.audit(other)
        # The first job sees that its outputs were replaced by right, and leaves them alone.
        assert bench.run(spec_of()) is JobState.COMPLETED
        assert bench.runner.submitted == []


def test_a_source_that_changed_is_rendered_again_and_nothing_else_is(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    bench.run(spec_of())
    source = bench.base / "scans" / "4.jpg"
    source.write_bytes(source.read_bytes() + b"retouched")
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert [Path(claim.task.source).name for claim in bench.runner.submitted] == ["4.jpg"]
    bench.audit(spec_of())


def test_a_new_version_of_a_style_renders_everything_again(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    bench.styles.revision = 2
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9
    bench.audit(spec_of())
