import os
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import JobError, MissingInput
from giornata.jobs.planning.inputs import expand_inputs
from giornata.jobs.spec.job import JobSpec

Pictures = Callable[..., Path]
SpecOf = Callable[..., JobSpec]


def listed(spec: JobSpec, base: Path) -> list[str]:
    return [str(Path(asset.source).relative_to(base)) for asset in expand_inputs(spec, base=base)]


def test_a_folder_gives_its_pictures_in_order_and_nothing_else(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures(
        "b.JPG", "a.png", "notes.txt", ".hidden.jpg", ".git/x.jpg", "sub/c.tiff", "sub/deep/d.webp", "z.avif"
    )
    assert listed(spec_of(), tmp_path) == [
        "scans/a.png",
        "scans/b.JPG",
        "scans/z.avif",
        "scans/sub/c.tiff",
        "scans/sub/deep/d.webp",
    ]


def test_assets_know_their_folder_below_the_input(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("sub/deep/d.webp")
    for entry in ("scans", "scans/**/*.webp", "scans/**"):
        (asset,) = expand_inputs(spec_of(inputs=entry), base=tmp_path)
        assert (asset.folder, asset.stem, asset.ext, asset.name) == ("sub/deep", "d", ".webp", "d.webp")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("scans/*.tif", ["a.tif"]),
        ("scans/**/*.tif", ["a.tif", "x/b.tif", "x/y/c.tif"]),
        ("scans/*/*.tif", ["x/b.tif"]),
        ("scans/**/y/*", ["x/y/c.tif"]),
        ("scans/[ab].tif", ["a.tif"]),
        ("scans/?.odd", ["d.odd"]),
    ],
)
def test_globs_match_as_in_a_shell(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf, pattern: str, expected: list[str]
) -> None:
    pictures("a.tif", "x/b.tif", "x/y/c.tif", "d.odd", ".h.tif")
    assert listed(spec_of(inputs=pattern), tmp_path) == [f"scans/{name}" for name in expected]


def test_a_file_with_brackets_in_its_name_is_that_file(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a[1].jpg", "a1.jpg")
    assert listed(spec_of(inputs="scans/a[1].jpg"), tmp_path) == ["scans/a[1].jpg"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("scans/none.jpg", "nothing is there"),
        ("scans/*.gif", "matches no file in"),
        ("elsewhere/**/*.gif", "matches no file in"),
        ("none.csv", "needed a manifest"),
        ("s3://bucket/set/", "nothing here speaks to buckets"),
        ("gs://bucket/set/", "got gs://, needed a local path or s3://bucket/prefix"),
    ],
)
def test_an_input_that_is_not_there_is_named(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf, entry: str, words: str
) -> None:
    pictures("a.jpg")
    with pytest.raises(MissingInput, match=words) as caught:
        list(expand_inputs(spec_of(inputs=entry), base=tmp_path))
    assert entry in str(caught.value)


def test_listing_goes_on_after_a_problem_when_told_so(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg", "b.jpg")
    problems: list[JobError] = []
    spec = spec_of(inputs=["none.jpg", "scans/a.jpg", "nil.jpg", "scans/b.jpg"])
    assets = list(expand_inputs(spec, base=tmp_path, on_problem=problems.append))
    assert [asset.name for asset in assets] == ["a.jpg", "b.jpg"]
    assert len(problems) == 2


def test_links_lead_nowhere_outside(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    root = pictures("real.jpg", "sub/c.jpg")
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"x")
    (root / "in.jpg").symlink_to(root / "real.jpg")
    (root / "out.jpg").symlink_to(outside)
    (root / "broken.jpg").symlink_to(root / "none.jpg")
    (root / "loop").symlink_to(root)
    assert listed(spec_of(), tmp_path) == ["scans/in.jpg", "scans/real.jpg", "scans/sub/c.jpg"]


def test_the_destination_is_no_input(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg", "out/a_wave.jpg")
    for entry in ("scans", "scans/**/*.jpg"):
        spec = spec_of(inputs=entry, destination="scans/out")
        assert listed(spec, tmp_path) == ["scans/a.jpg"]
    with pytest.raises(MissingInput, match="it is the destination as well"):
        listed(spec_of(destination="scans"), tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="names of bytes are a POSIX matter")
def test_a_name_that_is_not_utf8_is_told_and_the_others_go_on(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    root = pictures("a.jpg")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.jpg")).write_bytes(b"x")
    problems: list[JobError] = []
    assets = list(expand_inputs(spec_of(), base=tmp_path, on_problem=problems.append))
    assert [asset.name for asset in assets] == ["a.jpg"]
    assert "not UTF-8" in str(problems[0])
