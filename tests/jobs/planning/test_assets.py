import glob
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.planning.assets import (
    PICTURE_SUFFIXES,
    Asset,
    first_magic,
    has_picture_suffix,
    is_picture,
    matches,
)


@pytest.mark.parametrize(
    ("asset", "stem", "ext"),
    [
        (Asset("/in/a.tif"), "a", ".tif"),
        (Asset("/in/b.c/plain"), "plain", ""),
        (Asset("s3://bucket/set/scan.v2.TIF"), "scan.v2", ".TIF"),
        (Asset("/in/scan.tif", page=0, pages=9), "scan-p1", ".tif"),
        (Asset("/in/scan.tif", page=1, pages=10), "scan-p02", ".tif"),
        (Asset("/in/scan.tif", page=99, pages=100), "scan-p100", ".tif"),
    ],
)
def test_a_picture_is_named_after_its_file_and_page(asset: Asset, stem: str, ext: str) -> None:
    assert (asset.stem, asset.ext, asset.name) == (stem, ext, stem + ext)


@given(st.integers(1, 400))
def test_names_of_pages_sort_as_the_pages_do_and_differ(pages: int) -> None:
    names = [Asset("/in/a.tif", page=page, pages=pages).name for page in range(pages)]
    assert names == sorted(set(names))


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES))
def test_a_picture_is_known_by_its_suffix_in_any_case_unless_it_is_hidden(suffix: str) -> None:
    assert has_picture_suffix(f"a{suffix.upper()}")
    assert is_picture(f"s3://bucket/a{suffix}")
    assert not is_picture(f"/in/.a{suffix}")
    assert not is_picture(f"/in/a{suffix}.json")
    assert not is_picture(f"/in/{suffix}/notes")


def test_the_first_glob_of_a_path_is_found() -> None:
    assert first_magic(["scans", "a", "*.tif", "**"]) == 2
    assert first_magic(["[ab]", "c"]) == 0


names = st.sampled_from(["a", "b", "a.png", "ab.png"])
names_of_a_glob = st.sampled_from(["*", "a*", "?", "[ab]", "*.png", "a.png"])


@given(
    st.lists(st.lists(names, min_size=1, max_size=3), min_size=1, max_size=4),
    st.lists(names_of_a_glob | st.just("**"), max_size=2),
    names_of_a_glob,
)
def test_globs_match_as_pythons_own_do(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]], folders: list[str], file: str
) -> None:
    root, parts = tmp_path_factory.mktemp("globs"), [*folders, file]
    for path in paths:
        _write(root, path)
    there = {tuple(found.relative_to(root).parts) for found in root.rglob("*") if found.is_file()}
    wanted = os.path.join(root, *parts)  # noqa: PTH118
    found = {Path(name) for name in glob.glob(wanted, recursive=True)}  # noqa: PTH207
    assert {path for path in there if matches(path, parts)} == {
        path for path in there if root.joinpath(*path) in found
    }


def _write(root: Path, parts: list[str]) -> None:
    """A file at this place, unless a file or folder of that name is in the way."""
    place = root.joinpath(*parts)
    if any(parent.is_file() for parent in place.parents) or place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
