import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import PlanRefused
from giornata.jobs.planning.estimate import PlanReport, Size, plan
from giornata.jobs.spec.crop import CropStyling
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import StyleNames

Pictures = Callable[..., Path]
SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "night", "dots")


def measured(source: str, page: int | None = None) -> Size | None:
    return None if "broken" in source else Size(1000, 500)


def planned(spec: JobSpec, base: Path, **more: object) -> PlanReport:
    return plan(spec, base=base, styles=STYLES, measure=measured, **more)  # type: ignore[arg-type]


def test_the_report_counts_and_estimates(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg", "b.jpg", "broken.jpg")
    spec = spec_of(styles=["wave", "night"], render={"tile": 512})
    report = planned(spec, tmp_path, cost=lambda task, size: size.width * size.height / 0.5e6)
    assert (report.pictures, report.items, report.measured) == (3, 6, 2)
    assert report.pixels == 4 * 500_000
    assert report.tiles == 4 * 2
    assert report.estimated_s == pytest.approx(4)
    assert report.unreadable == (str(tmp_path / "scans" / "broken.jpg"),)


def test_beyond_the_limit_pictures_are_estimated(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures(*(f"{n}.jpg" for n in range(10)))
    report = planned(spec_of(), tmp_path, measure_limit=4)
    assert (report.measured, report.pictures, report.pixels) == (4, 10, 10 * 500_000)


def test_collisions_name_both_sides(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg", "A.JPG", "sub/a.jpg")
    with pytest.raises(PlanRefused) as caught:
        planned(spec_of(template="{stem}_{style}{ext}"), tmp_path)
    problems, total = caught.value.args
    assert total == 2
    assert "falls on" in problems[0]
    assert "A.JPG in style wave" in problems[0]


def test_a_target_that_is_a_source_is_refused(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg", "a_wave.jpg")
    spec = spec_of(inputs=["scans/a.jpg", "scans/a_wave.jpg"], destination="scans")
    with pytest.raises(PlanRefused, match=r"would overwrite it|a source picture"):
        planned(spec, tmp_path)


def test_a_file_that_is_not_ours_is_never_in_the_way_unseen(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_wave.jpg").write_bytes(b"someone's")
    with pytest.raises(PlanRefused, match="exists and was not made here"):
        planned(spec_of(policy={"on_existing": "replace"}), tmp_path)
    assert planned(spec_of(), tmp_path, is_ours=lambda target: True).delivered == 1
    with pytest.raises(PlanRefused, match="on_existing is fail"):
        planned(spec_of(policy={"on_existing": "fail"}), tmp_path, is_ours=lambda target: True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"styles": ["wvae"]},
            r"styles\[0\]: unknown style 'wvae'; did you mean 'wave'\? known styles: dots",
        ),
        ({"styles": [{"image": "nowhere.jpg"}]}, r"style picture .*nowhere\.jpg: no such file"),
        ({"destination": "gs://bucket/out"}, "got gs://, needed a local path or s3://bucket/prefix"),
        ({"destination": "scans/a.jpg"}, "got a file, needed a folder"),
        ({"render": {"statistics": "reference", "reference": "none.jpg"}}, "render.reference: no file at"),
        ({"inputs": "empty"}, "the inputs hold no picture"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf, more: dict[str, object], words: str
) -> None:
    pictures("a.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlanRefused, match=words):
        planned(spec_of(**more), tmp_path)


def test_all_problems_are_counted_and_the_first_are_told(tmp_path: Path, spec_of: SpecOf) -> None:
    with pytest.raises(PlanRefused) as caught:
        planned(spec_of(inputs=[f"{n}.jpg" for n in range(30)]), tmp_path)
    assert (len(caught.value.args[0]), caught.value.args[1]) == (20, 30)
    assert str(caught.value).endswith("and 10 more problems")


def test_planning_many_pictures_stays_flat_in_memory(tmp_path: Path, spec_of: SpecOf) -> None:
    (tmp_path / "l.csv").write_text("path\n" + "".join(f"{n:06}/picture.jpg\n" for n in range(2_500)))
    spec = spec_of(inputs="l.csv", styles=["wave", "night"])
    tracemalloc.start()
    try:
        report = planned(spec, tmp_path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.items == 5_000
    assert peak_bytes < 2_000_000


def test_a_plan_counts_styled_pictures_once_and_says_what_is_enlarged(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg", "b.jpg")
    spec = spec_of(
        formats=["1:1", "400x800"], outputs={"size": None}, price={"per_hour": 3.6, "currency": "EUR"}
    )

    def planned(spec: JobSpec) -> tuple[int, int, int, float, float | None]:
        found = plan(
            spec,
            base=tmp_path,
            styles=STYLES,
            measure=lambda *_: Size(1000, 500),
            cost=lambda _, size: size.width * size.height / 5e5,
        )
        return found.items, found.masters, found.pixels, found.enlarged, found.price

    assert planned(spec) == (4, 2, 1_000_000, 2, pytest.approx(0.002))
    small = spec_of(formats=["100x100", "100x50"])
    assert planned(small)[:3] == (4, 2, 2 * 200 * 100)


def test_styling_each_crop_is_counted_crop_by_crop(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    spec = spec_of(formats=["1:1", "1:2"], crop={"styling": CropStyling.EACH})
    report = plan(spec, base=tmp_path, styles=STYLES, measure=lambda *_: Size(1000, 500))
    assert (report.masters, report.pixels) == (2, 500 * 500 + 250 * 500)
