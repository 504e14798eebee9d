import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from giornata.jobs.model.paths import (
    ATTEMPT,
    attempt_name,
    base_name,
    companion_names,
    companions_of,
    credentials_of,
    fold,
    is_inside,
    is_url,
    item_id_of,
    job_tag,
    located,
    sidecar_of,
    wrong_url,
)


def test_ids_are_the_same_for_names_that_are_one_file_somewhere() -> None:
    assert item_id_of("/out/Ä.jpg") == item_id_of("/out/a\u0308.JPG")
    assert item_id_of("/out/a.jpg") != item_id_of("/out/b.jpg")
    assert len(item_id_of("x")) == 20


def test_attempts_write_beside_the_target_with_its_suffix() -> None:
    assert attempt_name("/out/a/b.tif", "0f", 3) == Path("/out/a/.giornata-0f-3.part.tif")


def test_two_jobs_never_write_to_one_name() -> None:
    ours = attempt_name("/out/a.tif", "0f", 3, job_id="one")
    assert ours != attempt_name("/out/a.tif", "0f", 3, job_id="two")
    parts = ATTEMPT.fullmatch(ours.name)
    assert parts is not None
    assert (parts["item"], parts["attempt"], parts["job"]) == ("0f", "3", job_tag("one"))


@pytest.mark.parametrize(
    ("path", "is_network"),
    [
        ("s3://bucket/a", True),
        ("https://host/a", True),
        ("/out/a.png", False),
        ("C:/a.png", False),
        ("a:b", False),
    ],
)
def test_a_name_with_a_scheme_is_one_of_the_network(path: str, is_network: bool) -> None:
    assert is_url(path) is is_network


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("s3://bucket/set/", ""),
        ("s3://bucket", ""),
        ("s3://B/set", "needed s3://, the name of a bucket, and a prefix or key"),
        ("s3:///set", "needed s3://, the name of a bucket, and a prefix or key"),
        ("gs://bucket/out", "got gs://, needed a local path or s3://bucket/prefix"),
    ],
)
def test_a_network_name_must_be_one_of_a_bucket(path: str, fault: str) -> None:
    assert wrong_url(path) == fault


def test_inside_is_below_and_not_beside() -> None:
    assert is_inside("/out/a/b.png", "/out/")
    assert is_inside("s3://bucket/set/a.png", "s3://bucket/set")
    assert not is_inside("/out", "/out")
    assert not is_inside("/outer/b.png", "/out")
    assert base_name("s3://bucket/set/a.png") == "a.png"


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=255))
def test_companions_lie_beside_their_picture_under_names_that_a_disk_takes(name: str) -> None:
    assume(name not in (".", ".."))
    picture = Path("/out") / name
    record, manifest = companions_of(picture)
    assert (record, manifest) == (sidecar_of(picture), credentials_of(picture))
    assert {record.parent, manifest.parent} == {picture.parent}
    assert len({picture.name, record.name, manifest.name}) == 3
    assert all(len(os.fsencode(path.name)) <= 255 for path in (record, manifest))
    assert companion_names(f"s3://bucket/{name}") == tuple(
        f"s3://bucket/{path.name}" for path in (record, manifest)
    )


@given(st.text())
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert item_id_of(fold(name)) == item_id_of(name)


def test_a_path_is_taken_from_its_base_and_a_link_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    (tmp_path / "link").symlink_to(tmp_path)
    assert located("link/../a.png", base=tmp_path) == str(tmp_path / "a.png")
    assert located("link/a.png", base=tmp_path) == str(tmp_path / "link" / "a.png")
    assert located("~/a.png", base=tmp_path) == "/home/anna/a.png"
    assert located("/b.png", base=tmp_path) == "/b.png"
    assert located("s3://bucket/set/", base=tmp_path) == "s3://bucket/set"
