"""The page is whole, harmless and complete in itself, whatever the names, reasons and files of a job are."""

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from giornata.cluster.reporting.html import (
    HEIGHT_PX,
    pictured,
    render_report,
    spec_words,
    versions,
    write_report,
)
from giornata.jobs.errors import UnknownJob
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.store.records import NewItem, WorkerRecord
from giornata.jobs.store.store import JobStore
from giornata.workers.encoding.encode import file_sha256
from tests.support.batches import carry_out, delivered, new_job, settle, take_claims, task_for
from tests.support.fakes import done, ended
from tests.workers.pictures import image, photo

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a browser would find: tags with attributes, text, and whether all tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text on one line."""
        return " ".join(" ".join(self.words).split())

    @property
    def images(self) -> list[dict[str, str | None]]:
        """The attributes of every picture."""
        return [attributes for tag, attributes in self.tags if tag == "img"]


def assert_self_contained(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object", "embed", "link", "base", "form", "a")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("href", "srcset", "action", "background")
            assert name != "src" or (value or "").startswith("data:image/jpeg;base64,")
    style = "".join(page.words)
    assert "url(" not in style
    assert "@import" not in style


def painted(claim: Claim) -> Outcome:
    """Writes a real picture, wider than high."""
    outcome = done(claim)
    place = Path(claim.temporary)
    image(photo(width=96, height=64)).pngsave(place)
    facts = {"sha256": file_sha256(place), "bytes": place.stat().st_size, "width": 96, "height": 64}
    return outcome.model_copy(update={**facts, "warnings": ("colour profile left out",)})


def mixed(claim: Claim) -> Outcome:
    if "bad" in claim.task.source:
        return ended(claim, OutcomeClass.BAD_INPUT, f"half a file, starts with {HOSTILE}")
    if "shy" in claim.task.source and claim.attempt == 1:
        return ended(claim, OutcomeClass.TRANSIENT_IO, "the disk was away", worker=HOSTILE)
    return painted(claim)


@pytest.fixture
def job_id(store: JobStore, tmp_path: Path) -> str:
    job_id = new_job(store, tmp_path, ["a.png", "bad.png", "shy.png"], name="autumn & winter")
    settle(store, take_claims(store, job_id), mixed, retries=2)
    carry_out(store, job_id, mixed, retries=2)
    return job_id


def test_the_page_tells_how_the_job_went(store: JobStore, job_id: str) -> None:
    page = Page(render_report(store, job_id))
    assert_self_contained(page)
    for words in (
        "autumn & winter completed with failures",
        "done 2 67 %",
        "quarantined 1 33 %",
        "Delivered 2 of 3",
        "The source cannot be rendered",
        "A disk or a network did not answer",
        "the disk was away",
        "colour profile left out 2 scans/a.png",
        "scans/bad.png",
        "destination: out",
    ):
        assert words in page.text


def test_pictures_travel_inside_the_page(store: JobStore, job_id: str) -> None:
    images = Page(render_report(store, job_id)).images
    assert [attributes["alt"] for attributes in images] == [
        "scans/a.png in style wave",
        "scans/shy.png in style wave",
    ]
    data = base64.b64decode((images[0]["src"] or "").partition(",")[2])
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (96, 64))


def test_hostile_names_reasons_and_workers_are_only_text(store: JobStore, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    job_id = new_job(
        store, tmp_path, [NewItem(task_for(tmp_path, f"bad {name}.png", style=name))], name="<script>alert(1)"
    )
    carry_out(store, job_id, mixed)
    store.workers.put([WorkerRecord(name, name, name, 1, job_id, "", 1, 1, 0.0)])
    page = Page(render_report(store, job_id))
    assert_self_contained(page)
    assert page.images == []
    assert "{{7*7}}" in page.text
    assert "<script>alert(1)" in page.text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(min_size=1, max_size=60))
def test_any_words_make_a_whole_page(store: JobStore, tmp_path: Path, words: str) -> None:
    def refuse(claim: Claim) -> Outcome:
        return ended(claim, OutcomeClass.BUG, words)

    clean = words.encode("utf-8", "ignore").decode().replace("\0", "")
    job_id = new_job(store, tmp_path, ["a.png"], name=f"n {clean}"[:100])
    settle(store, take_claims(store, job_id), refuse)
    page = Page(write_report(store, job_id, tmp_path / "report.html").read_text(encoding="utf-8"))
    assert_self_contained(page)


def test_pictures_that_are_gone_changed_or_broken_leave_a_word(store: JobStore, tmp_path: Path) -> None:
    job_id = new_job(store, tmp_path, ["a.png", "b.png", "c.png", "d.png"])
    carry_out(store, job_id, painted)
    out = tmp_path / "out"
    (out / "a.png").unlink()
    (out / "b.png").write_bytes(b"<html>")
    (out / "c.png").write_bytes(b"\0" * (out / "c.png").stat().st_size)
    page = Page(render_report(store, job_id))
    assert len(page.images) == 1
    for words in ("no longer there", "changed since it was delivered", "cannot be shown"):
        assert words in page.text


def test_giants_do_not_make_a_page_late(store: JobStore, tmp_path: Path) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    carry_out(store, job_id, painted)
    (cell,) = pictured(list(store.items.all(job_id)), patience_s=-1)
    assert (cell.uri, cell.missing) == ("", "left out to save time")


def test_thumbnails_are_all_of_one_height_up_to_a_width(store: JobStore, tmp_path: Path) -> None:
    def wide(claim: Claim) -> Outcome:
        outcome, place = done(claim), Path(claim.temporary)
        image(photo(width=96, height=64)).resize(20).pngsave(place)
        facts = {"sha256": file_sha256(place), "bytes": place.stat().st_size, "width": 1920, "height": 1280}
        return outcome.model_copy(update=facts)

    job_id = new_job(store, tmp_path, ["a.png"])
    carry_out(store, job_id, wide)
    (cell,) = pictured(list(store.items.all(job_id)))
    with Image.open(io.BytesIO(base64.b64decode(cell.uri.partition(",")[2]))) as opened:
        assert opened.size == (HEIGHT_PX * 3 // 2, HEIGHT_PX)


@pytest.mark.parametrize("listed", [True, False])
def test_a_job_without_items_has_a_page(store: JobStore, tmp_path: Path, listed: bool) -> None:
    if listed:
        job_id = new_job(store, tmp_path, [])
    else:
        words = {"name": "n", "inputs": "s", "styles": ["wave"], "destination": "out"}
        job_id = store.jobs.create(parse_spec(words, origin="spec"), base=tmp_path)
    page = Page(render_report(store, job_id))
    assert ("still being listed" in page.text) is not listed


def test_a_report_replaces_an_earlier_one_whole_and_leaves_nothing_else(
    store: JobStore, tmp_path: Path
) -> None:
    job_id = delivered(store, tmp_path, "a.png")
    path = tmp_path / "pages" / "report.html"
    assert write_report(store, job_id, path) == path
    path.write_text("old")
    write_report(store, job_id, path)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [place.name for place in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_put_in_place_leaves_nothing(store: JobStore, tmp_path: Path) -> None:
    job_id = delivered(store, tmp_path, "a.png")
    path = tmp_path / "pages" / "report.html"
    path.mkdir(parents=True)
    with pytest.raises(OSError, match=r"report\.html"):
        write_report(store, job_id, path)
    assert [place.name for place in path.parent.iterdir()] == ["report.html"]


def test_an_unknown_job_is_refused(store: JobStore, tmp_path: Path) -> None:
    with pytest.raises(UnknownJob):
        write_report(store, "none", tmp_path / "report.html")


def test_the_spec_is_told_as_asked_and_without_secrets() -> None:
    words = {
        "name": "n",
        "inputs": ["scans", {"manifest": "list.csv"}],
        "styles": ["wave"],
        "destination": "out",
        "notify": ["https://hooks.example.com/T000/secret?key=1"],
        "policy": {"retries": 5},
    }
    told = yaml.safe_load(spec_words(parse_spec(words, origin="spec")))
    assert told["notify"] == [{"url": "https://hooks.example.com/…"}]
    assert told["policy"] == {"retries": 5}
    assert told["inputs"] == [{"path": "scans"}, {"manifest": "list.csv"}]
    assert "render" not in told


def test_versions_begin_with_our_own() -> None:
    names = [name for name, _ in versions()]
    assert names[:2] == ["giornata", "Python"]
    assert "torch" in names
