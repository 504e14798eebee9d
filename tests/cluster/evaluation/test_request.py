from pathlib import Path

import pytest

from giornata.cluster.evaluation.request import Request, with_data_folder
from giornata.styles.evaluation.errors import BadEvaluation


def test_what_a_request_lacks_comes_from_the_data_folder_as_far_as_it_is_there(tmp_path: Path) -> None:
    for name in ("photos", "paintings_more", "teachers/lpips"):
        (tmp_path / name).mkdir(parents=True)
    bare = Request(photos=(), paintings=(), out=tmp_path / "out")
    found = with_data_folder(bare, tmp_path)
    assert found.photos == (tmp_path / "photos",)
    assert found.paintings == (tmp_path / "paintings_more",)
    assert (found.teachers, found.lpips) == (tmp_path / "teachers", tmp_path / "teachers" / "lpips")
    assert found.vgg is None
    mine = Request(photos=(Path("mine"),), paintings=(), out=tmp_path, lpips=Path("heads"))
    kept = with_data_folder(mine, tmp_path)
    assert (kept.photos, kept.lpips) == ((Path("mine"),), Path("heads"))


def test_a_data_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadEvaluation, match="nowhere, which is no folder"):
        with_data_folder(Request(photos=(), paintings=(), out=tmp_path), tmp_path / "nowhere")
