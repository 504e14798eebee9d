from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from giornata.jobs.errors import BadManifest
from giornata.jobs.planning.inputs import expand_inputs
from giornata.jobs.spec.job import JobSpec

Pictures = Callable[..., Path]


SpecOf = Callable[..., JobSpec]


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
