import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from giornata.jobs.errors import BadManifest, JobError, MissingInput
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "path,client\nscans/a.jpg,Müller\nscans/sub/b.jpg,\n"),
        ("list.csv", "\ufeffclient,path\nMüller,scans/a.jpg\n\n,scans/sub/b.jpg\n"),
        (
            "list.jsonl",
            '{"path": "scans/a.jpg", "client": "Müller"}\n\n{"path": "scans/sub/b.jpg", "client": null}\n',
        ),
    ],
)
def test_manifests_give_paths_from_their_own_folder_and_columns(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf, name: str, text: str
) -> None:
    pictures("a.jpg", "sub/b.jpg")
    (tmp_path / name).write_text(text, encoding="utf-8")
    for entry in (name, {"manifest": name}):
        one, two = expand_inputs(spec_of(inputs=[entry]), base=tmp_path)
        assert (one.source, one.folder) == (str(tmp_path / "scans/a.jpg"), "scans")
        assert (one.columns, two.columns) == ({"column.client": "Müller"}, {"column.client": ""})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("l.csv", "", "line 1, path: needed a column of that name"),
        ("l.csv", "file\na.jpg", "line 1, path: needed a column of that name, got file"),
        ("l.csv", "path,a,a\n", "line 1, a: the column stands there twice"),
        ("l.csv", "path,a\nx.jpg,1\ny.jpg", "line 3: got 1 cells, needed 2"),
        ("l.csv", "path,a\n ,1", "line 2, path: got '', needed the path of a picture"),
        ("l.csv", 'path\n"x', "line 1: unexpected end of data"),
        ("l.jsonl", '{"path": "a.jpg"}\n{"path": ', "line 2: not JSON"),
        ("l.jsonl", "[1]", "line 1: got list, needed an object with 'path'"),
        ("l.jsonl", '{"path": "a.jpg", "tags": []}', "line 1, tags: got a nested value"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_with_line_and_field(
    tmp_path: Path, spec_of: SpecOf, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadManifest) as caught:
        list(expand_inputs(spec_of(inputs=name), base=tmp_path))
    assert words in str(caught.value)


def test_a_manifest_is_read_row_by_row(tmp_path: Path, spec_of: SpecOf) -> None:
    (tmp_path / "l.csv").write_text("path\na.jpg\n \n")
    assets: Iterator[object] = expand_inputs(spec_of(inputs="l.csv"), base=tmp_path)
    assert next(assets)
    with pytest.raises(BadManifest):
        next(assets)
