"""The list on which people say yes or no: their words stay, as far as they are about what is there."""

import csv
import io
from pathlib import Path

import pytest

from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.states import ItemState
from giornata.jobs.storage.local import LocalStore
from giornata.jobs.store.records import ItemRecord
from giornata.workers.sheets.approvals import APPROVALS, COLUMNS, Approvals, read_approvals

OUT = "/out"


def item(file: str, *, sha256: str = "aa", source: str = "/in/shoe.jpg", style: str = "wave") -> ItemRecord:
    return ItemRecord(
        job_id="j",
        item_id=file,
        position=0,
        source=source,
        target=f"{OUT}/{file}",
        style_label=style,
        content_key="",
        state=ItemState.DONE,
        attempt=1,
        failures=0,
        not_before=0,
        lease_worker="",
        last_worker="",
        outcome_class=None,
        reason="",
        seconds=1,
        sha256=sha256,
        bytes=1,
        width=1,
        height=1,
        warnings="",
        facts={"format": "jpeg", "ratio": "4x5"},
        finished_at=1,
    )


def written(path: Path, *items: ItemRecord) -> list[dict[str, str]]:
    """The list in `path` after these outputs were told once more."""
    approvals = Approvals(path.with_name("new.csv"), read_approvals(LocalStore(), str(path)))
    for one in items:
        approvals.add(one, OUT)
    approvals.close()
    path.with_name("new.csv").replace(path)
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_every_output_has_a_line_that_nobody_has_answered(tmp_path: Path) -> None:
    (row,) = written(tmp_path / APPROVALS, item("en/shoe.jpg"))
    assert tuple(row) == COLUMNS
    assert row == {
        "asset": "shoe.jpg",
        "style": "wave",
        "format": "4x5 jpeg",
        "file": "en/shoe.jpg",
        "status": "",
        "comment": "",
        "sha256": "aa",
    }


@pytest.mark.parametrize(("separator", "start"), [(",", ""), (";", "\ufeff")])
def test_what_people_wrote_stays_however_their_spreadsheet_saves_it(
    tmp_path: Path, separator: str, start: str
) -> None:
    path = tmp_path / APPROVALS
    written(path, item("a.jpg"), item("b.jpg"))
    text = path.read_text().replace(",,,aa", ",approved,lovely,aa").replace("\n", ",who\n", 1)
    lines = [line + ("" if number == 0 else ",Ada") for number, line in enumerate(text.splitlines())]
    path.write_text(start + "\n".join(lines).replace(",", separator) + "\n", encoding="utf-8")
    first, second, third = written(path, item("a.jpg"), item("b.jpg", sha256="bb"), item("c.jpg"))
    assert (first["status"], first["comment"], first["who"]) == ("approved", "lovely", "Ada")
    assert (second["status"], second["comment"]) == ("", "lovely")  # another picture than was approved
    assert (third["status"], third["comment"], third["who"]) == ("", "", "")


def test_no_spreadsheet_runs_a_name(tmp_path: Path) -> None:
    path = tmp_path / APPROVALS
    bad = item("=cmd.jpg", source="/in/=cmd.jpg", style="+s")
    (row,) = written(path, bad)
    assert not [value for value in row.values() if value.startswith(("=", "+"))]
    path.write_text(path.read_text().replace(",,,aa", ",approved,,aa"))
    (row,) = written(path, bad)
    assert row["status"] == "approved"


@pytest.mark.parametrize("data", [b"my,own,list\n1,2,3\n", b"\xff\xfe\x00"])
def test_a_list_of_somebody_else_is_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / APPROVALS
    path.write_bytes(data)
    with pytest.raises(TargetTaken, match="a file of that name is there"):
        read_approvals(LocalStore(), str(path))
    assert path.read_bytes() == data
