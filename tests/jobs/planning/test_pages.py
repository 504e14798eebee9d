from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from giornata.jobs.errors import ObjectChanged, ObjectNotFound, ReadLimitReached, StorageError
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.assets import Asset
from giornata.jobs.planning.estimate import Size, expand, plan
from giornata.jobs.planning.pages import paged
from giornata.jobs.planning.tiff import full_size_pages
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.storage import HERE, Storage
from giornata.jobs.storage.base import ObjectInfo, ObjectStore
from giornata.jobs.storage.remote_file import RemoteFile
from giornata.workers.rendering.cache import reference_task, totals_key
from giornata.workers.storage.router import StorageRouter
from tests.support import s3
from tests.support.fakes import RecordingStore, StyleNames

SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave")
SIDES = ((40, 60), (20, 80), (64, 32))  # rows, columns


def book(path: Path, *, reduced: bool = False, pages: int = 3) -> Path:
    """Pages of different sizes, each with a reduced copy if asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for number in range(pages):
            rows, columns = SIDES[number % 3]
            file.write(np.full((rows, columns, 3), number, "u1"), photometric="rgb")
            if reduced:
                file.write(np.zeros((rows // 2, columns // 2, 3), "u1"), photometric="rgb", subfiletype=1)
    return path


def tasks(spec: JobSpec, base: Path) -> list[RenderTask]:
    return list(expand(spec, base=base, styles=STYLES))


@pytest.mark.parametrize("reduced", [False, True])
def test_each_page_is_a_picture_of_its_own_whose_name_says_which(
    tmp_path: Path, spec_of: SpecOf, reduced: bool
) -> None:
    book(tmp_path / "scans" / "book.tif", reduced=reduced)
    found = tasks(spec_of(render={"pages": "all"}), tmp_path)
    assert [Path(task.target).name for task in found] == [f"book-p{number}_wave.tif" for number in (1, 2, 3)]
    assert [task.page for task in found] == [0, 1, 2]
    assert len({task.content_key() for task in found}) == len({task.item_id for task in found}) == 3


def test_names_of_many_pages_sort_as_the_pages_do(tmp_path: Path, spec_of: SpecOf) -> None:
    book(tmp_path / "scans" / "book.TIFF", pages=12)
    names = [Path(task.target).name for task in tasks(spec_of(render={"pages": "all"}), tmp_path)]
    assert names == sorted(names)
    assert names[1] == "book-p02_wave.tiff"


@pytest.mark.parametrize("pages", ["refuse", "first"])
def test_nothing_is_opened_unless_all_pages_are_asked_for(
    tmp_path: Path, spec_of: SpecOf, pages: str
) -> None:
    book(tmp_path / "scans" / "book.tif")
    (task,) = tasks(spec_of(render={"pages": pages}), tmp_path)
    assert (task.page, Path(task.target).name) == (None, "book_wave.tif")


def test_what_has_one_page_or_cannot_be_read_is_one_picture(tmp_path: Path, spec_of: SpecOf) -> None:
    book(tmp_path / "scans" / "a.tif", pages=1)
    (tmp_path / "scans" / "b.tif").write_bytes(b"II*\0 torn")
    (tmp_path / "scans" / "c.jpg").write_bytes(b"not looked at")
    assert [task.page for task in tasks(spec_of(render={"pages": "all"}), tmp_path)] == [None] * 3


def test_more_pages_than_a_job_allows_are_left_to_the_worker_to_refuse_once(
    tmp_path: Path, spec_of: SpecOf
) -> None:
    book(tmp_path / "scans" / "book.tif")
    (task,) = tasks(spec_of(render={"pages": "all"}, limits={"max_pages": 2}), tmp_path)
    assert task.page is None


def test_a_plan_counts_and_measures_every_page(tmp_path: Path, spec_of: SpecOf) -> None:
    book(tmp_path / "scans" / "book.tif")

    def measure(source: str, page: int | None = None) -> Size:
        assert page is not None
        return Size(*SIDES[page][::-1])

    report = plan(spec_of(render={"pages": "all"}), base=tmp_path, styles=STYLES, measure=measure)
    assert (report.pictures, report.items) == (3, 3)
    assert report.pixels == sum(rows * columns for rows, columns in SIDES)


@pytest.mark.parametrize(("reference", "pages"), [("first", [0, 0, 0]), ("asset", [0, 1, 2])])
def test_a_reference_is_the_first_page_or_the_page_itself(
    tmp_path: Path, spec_of: SpecOf, reference: str, pages: list[int]
) -> None:
    book(tmp_path / "scans" / "book.tif")
    render = {"pages": "all", "statistics": "reference", "reference": reference}
    found = tasks(spec_of(render=render), tmp_path)
    assert [reference_task(task).page for task in found] == pages
    assert len({totals_key(task) for task in found}) == len(set(pages))


def test_pages_of_an_object_are_counted_by_a_few_ranges_of_it(
    tmp_path: Path, spec_of: SpecOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    path = book(tmp_path / "book.tif", reduced=True)
    with s3.endpoint() as url:
        client = s3.client(url)
        client.create_bucket(Bucket="scans")
        client.upload_file(str(path), "scans", "set/book.tif")
        spec = spec_of(inputs=["s3://scans/set/"], render={"pages": "all"}, storage={"endpoint_url": url})
        found = list(expand(spec, base=tmp_path, styles=STYLES, stores=StorageRouter()))
    assert [task.page for task in found] == [0, 1, 2]
    assert [task.source for task in found] == ["s3://scans/set/book.tif"] * 3


@pytest.mark.parametrize("error", [ObjectNotFound, ObjectChanged, ReadLimitReached])
def test_an_object_that_cannot_be_counted_is_one_picture(
    tmp_path: Path, spec_of: SpecOf, error: type[StorageError]
) -> None:
    class Refusing(RecordingStore):
        def stat(self, name: str) -> ObjectInfo | None:
            return ObjectInfo(name, 1000, 0.0)

        def read(self, name: str, **_: object) -> bytes:
            raise error(name, "of no use")

    class Bucket:
        def at(self, name: str, storage: Storage = HERE) -> ObjectStore:
            return Refusing()

    spec, asset = spec_of(render={"pages": "all"}), Asset("s3://scans/set/book.tif")
    assert list(paged(iter([asset]), spec, Bucket())) == [asset]


def test_directories_far_apart_are_read_by_a_block_each(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, np.zeros((9, 700, 700, 3), "u1"), photometric="rgb")
    store = RecordingStore()
    assert full_size_pages(RemoteFile.open(store, str(path)).read_at) == 9
    assert sum(end - start for start, end in store.ranges) < path.stat().st_size / 10
    assert len(store.ranges) == len(set(store.ranges)) <= 18
