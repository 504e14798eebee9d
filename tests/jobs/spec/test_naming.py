import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.errors import BadName
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
