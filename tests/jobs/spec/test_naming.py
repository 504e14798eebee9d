import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.errors import BadName
from giornata.jobs.model.paths import ATTEMPT, attempt_name, fold, item_id_of, job_tag
from giornata.jobs.planning.conflicts import TargetIndex
from giornata.jobs.spec.naming import parse_template, resolve_target, safe_component

anything = st.text(max_size=400)


@given(anything)
def test_a_component_is_one_short_visible_name(text: str) -> None:
    safe = safe_component(text)
    assert safe
    assert len(safe.encode()) <= 255
    assert not set(safe) & set('/\\:*?"<>|\0\n')
    assert not safe.startswith(".")
    assert not safe.endswith((" ", "."))
    assert unicodedata.is_normalized("NFC", safe)


@given(anything)
def test_a_safe_component_stays_as_it_is(text: str) -> None:
    safe = safe_component(text)
    assert safe_component(safe) == safe


@pytest.mark.parametrize("name", ["CON", "nul.jpg", "Com1.tif", "LPT9"])
def test_names_that_a_system_reserves_are_changed(name: str) -> None:
    assert safe_component(name) == "_" + name


def test_long_names_stay_apart_and_keep_their_suffix() -> None:
    one, two = (safe_component("ä" * 200 + end + ".tif") for end in "ab")
    assert one != two
    assert one.endswith(".tif")


@given(st.fixed_dictionaries(dict.fromkeys(("stem", "folder", "style", "ext", "column.client"), anything)))
def test_no_value_leads_out_of_the_destination(values: dict[str, str]) -> None:
    template = parse_template("{column.client}/{folder}/{stem}_{style}{ext}")
    root = Path("/nowhere/out")
    target = resolve_target(root, template.fill(values))
    assert target.is_relative_to(root)
    assert ".." not in target.parts


def test_the_folder_brings_its_parts_and_an_empty_one_none() -> None:
    template = parse_template("{folder}/{stem}_{index:04}{ext}")
    values = {"folder": "a/b", "stem": "x", "index": 7, "ext": ".jpg"}
    assert template.fill(values) == "a/b/x_0007.jpg"
    assert template.fill({**values, "folder": ""}) == "x_0007.jpg"
    assert template.fill({**values, "folder": "../../etc"}) == "_/_/etc/x_0007.jpg"


def test_templates_know_their_columns() -> None:
    assert parse_template("{column.client}/{stem}{ext}").columns == {"client"}


@pytest.mark.parametrize(
    "text",
    [
        "{ext",
        "{stem!r}{ext}",
        "{stem:>9}{ext}",
        "{index:09999}{ext}",
        "{index.real}{ext}",
        "{stem[0]}{ext}",
        "{}{ext}",
        "/{stem}{ext}",
        "a/../{stem}{ext}",
        "a\\{stem}{ext}",
        "c:{stem}{ext}",
        "{column.}{ext}",
    ],
)
def test_a_template_with_more_than_plain_fields_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_template(text)


@pytest.mark.parametrize("relative", ["../a.jpg", "a/../../b.jpg", "/etc/passwd", ""])
def test_a_name_that_leaves_the_destination_is_refused(tmp_path: Path, relative: str) -> None:
    with pytest.raises(BadName):
        resolve_target(tmp_path, relative)


def test_a_symlinked_folder_in_the_destination_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "away").symlink_to(tmp_path)
    with pytest.raises(BadName, match="leads out of"):
        resolve_target(tmp_path / "out", "away/a.jpg")


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


@given(st.lists(st.text(min_size=1, max_size=20), max_size=30))
def test_the_index_finds_every_collision(names: list[str]) -> None:
    with TargetIndex() as index:
        found = [index.add_target(name, by=name) is not None for name in names]
    folded = [fold(name) for name in names]
    assert found == [name in folded[:place] for place, name in enumerate(folded)]


def test_a_target_that_is_a_source_is_found_in_either_order() -> None:
    with TargetIndex() as index:
        assert index.add_source("/a.jpg") is None
        assert index.add_target("/A.jpg", by="x") == "a source picture"
        assert index.add_target("/b.jpg", by="x in wave") is None
        assert index.add_source("/b.jpg") == "x in wave"
