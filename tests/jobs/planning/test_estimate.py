import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import MissingInput, PlanRefused
from giornata.jobs.model.task import is_outdated
from giornata.jobs.planning.estimate import PlanReport, RenderTask, Size, expand, plan
from giornata.jobs.spec.enums import PictureFormat, Statistics
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import StyleNames

Pictures = Callable[..., Path]
SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "night", "dots")


def measured(source: str, page: int | None = None) -> Size | None:
    return None if "broken" in source else Size(1000, 500)


def planned(spec: JobSpec, base: Path, **more: object) -> PlanReport:
    return plan(spec, base=base, styles=STYLES, measure=measured, **more)  # type: ignore[arg-type]


def test_tasks_are_pictures_times_styles_times_outputs_in_a_fixed_order(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("b.jpg", "sub/a.png")
    spec = spec_of(
        styles=["wave", {"mix": {"night": 1, "dots": 3}, "strength": 0.5}],
        outputs=[{}, {"format": "webp", "size": 800, "suffix": "_web"}],
        render={"strength": 0.8, "tile": 512, "seed": 3},
    )
    tasks = list(expand(spec, base=tmp_path, styles=STYLES))
    assert [str(Path(task.target).relative_to(tmp_path.resolve())) for task in tasks] == [
        "out/b_wave.jpg",
        "out/b_dots75+night25.jpg",
        "out/sub/a_wave.png",
        "out/sub/a_dots75+night25.png",
        "out/b_wave_web.webp",
        "out/b_dots75+night25_web.webp",
        "out/sub/a_wave_web.webp",
        "out/sub/a_dots75+night25_web.webp",
    ]
    assert tasks == list(expand(spec, base=tmp_path, styles=STYLES))
    assert (tasks[0].strength, tasks[1].strength, tasks[0].tile_px) == (0.8, 0.5, 512)
    assert tasks[1].mix == {"dots": 0.75, "night": 0.25}
    assert (tasks[4].format, tasks[4].size) == (PictureFormat.WEBP, 800)
    assert len({task.item_id for task in tasks}) == 8


@pytest.mark.parametrize(
    ("source", "ext", "kind"),
    [
        ("a.JPEG", ".jpeg", PictureFormat.JPEG),
        ("a.tif", ".tif", PictureFormat.TIFF),
        ("a.gif", ".png", PictureFormat.PNG),
        ("a.avif", ".png", PictureFormat.PNG),
        ("a", ".png", PictureFormat.PNG),
    ],
)
def test_same_follows_the_suffix_and_falls_back_to_png(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf, source: str, ext: str, kind: PictureFormat
) -> None:
    pictures(source)
    (task,) = expand(spec_of(inputs=f"scans/{source}"), base=tmp_path, styles=STYLES)
    assert (Path(task.target).suffix, task.format) == (ext, kind)


def test_templates_may_use_manifest_columns(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg", "b.jpg")
    (tmp_path / "l.csv").write_text("path,client\nscans/a.jpg,A/B & Co\nscans/b.jpg,../..\n")
    spec = spec_of(inputs="l.csv", template="{column.client}/{job}_{index:03}{ext}")
    names = [task.target.split("/out/")[1] for task in expand(spec, base=tmp_path, styles=STYLES)]
    assert names == ["A_B & Co/autumn_001.jpg", "__/autumn_002.jpg"]
    with pytest.raises(PlanRefused, match="the template needs the column 'town'"):
        planned(spec_of(inputs="l.csv", template="{column.town}{ext}"), tmp_path)


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


def test_expanding_is_lazy(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg")
    tasks = expand(spec_of(inputs=["scans/a.jpg", "none.jpg"]), base=tmp_path, styles=STYLES)
    assert next(tasks).source.endswith("a.jpg")
    with pytest.raises(MissingInput):
        next(tasks)


def test_the_content_key_follows_the_pixels_and_not_the_name(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    (task,) = expand(spec_of(), base=tmp_path, styles=STYLES)

    def key(**changes: object) -> str:
        return task.model_copy(update=changes).content_key()

    assert key(target="/x.jpg", item_id="1", tile_px=64) == task.content_key()
    assert key(strength=0.5) != task.content_key()
    assert key(statistics=Statistics.THUMBNAIL, tile_px=64) != key(statistics=Statistics.THUMBNAIL)
    assert is_outdated(task.content_key(), by=key(engine_version="2"))
    assert is_outdated(task.content_key(), by=key(source_stamp="3-4"))
    assert not is_outdated(task.content_key(), by=key(strength=0.5, engine_version="2"))
    assert RenderTask.model_validate_json(task.model_dump_json()) == task


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
