import os
import time
from pathlib import Path

import pytest

from giornata.jobs.errors import ObjectChanged
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.storage import Storage
from giornata.jobs.spec.values import TaskMasks
from giornata.workers.errors import Unreadable
from giornata.workers.storage.input_cache import IN_USE_S, InputCache
from giornata.workers.storage.router import StorageRouter
from tests.support.faults import FaultProxy
from tests.support.job_rows import task
from tests.workers.storage.objects import put


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    return InputCache(tmp_path / "near", StorageRouter())


def task_on(url: str, source: str, **more: object) -> RenderTask:
    return task("a").model_copy(update={"source": source, "storage": Storage(endpoint_url=url), **more})


def test_what_lies_on_a_disk_is_left_where_it_is(tmp_path: Path, cache: InputCache) -> None:
    here = task_on("http://127.0.0.1:9", str(tmp_path / "a.jpg"))
    assert cache.local(here) is here
    assert not (tmp_path / "near").exists()


def test_objects_become_files_of_their_names_and_are_fetched_once(
    proxy: FaultProxy, url: str, bucket: str, tmp_path: Path, cache: InputCache
) -> None:
    source, mask = put(url, "set/a.jpg", b"the source"), put(url, "masks/a.png", b"a mask")
    far = task_on(proxy.url, source, masks=TaskMasks(protect=mask, apply=str(tmp_path / "b.png")))
    near = cache.local(far)
    assert (Path(near.source).name, Path(near.source).read_bytes()) == ("a.jpg", b"the source")
    assert near.masks.protect is not None
    assert Path(near.masks.protect).read_bytes() == b"a mask"
    assert near.masks.apply == str(tmp_path / "b.png")
    assert near.target == far.target
    before = Path(near.source).stat().st_ino
    assert cache.local(far) == near
    again = InputCache(tmp_path / "near", StorageRouter()).local(far)
    assert (again.source, Path(again.source).stat().st_ino) == (near.source, before)


def test_a_source_that_changed_is_fetched_anew_and_never_taken_for_the_one_listed(
    url: str, bucket: str, cache: InputCache
) -> None:
    far = task_on(url, put(url, "a.jpg", b"one"))
    first = cache.local(far)
    put(url, "a.jpg", b"another")
    assert Path(cache.local(far).source).read_bytes() == b"another"
    assert Path(first.source).read_bytes() == b"one"
    with pytest.raises(ObjectChanged):
        cache.local(far.model_copy(update={"source_stamp": "3-not-this-one"}))


def test_the_longest_unused_files_go_when_room_is_needed(url: str, bucket: str, tmp_path: Path) -> None:
    cache = InputCache(tmp_path / "near", StorageRouter(), kept_bytes=25)
    made = [Path(cache.local(task_on(url, put(url, f"{n}.jpg", b"x" * 10))).source) for n in range(2)]
    for age, path in zip((3, 2), made, strict=True):
        past = time.time() - age * IN_USE_S
        os.utime(path.parent, (past, past))
    name = put(url, "2.jpg", b"x" * 10)
    fresh = task_on(url, name)
    told = StorageRouter().bucket(name, fresh.storage).stat(name)
    assert told is not None
    cache.local(fresh.model_copy(update={"source_stamp": told.fingerprint}))
    assert [path.exists() for path in made] == [False, True]


def test_an_error_about_a_fetched_file_names_its_object(url: str, bucket: str, cache: InputCache) -> None:
    name = put(url, "set/a.jpg")
    near = cache.local(task_on(url, name))
    with pytest.raises(Unreadable, match=name), cache.naming():
        raise Unreadable(near.source, "Input/output error")
    with pytest.raises(Unreadable, match=r"/elsewhere\.jpg"), cache.naming():
        raise Unreadable("/elsewhere.jpg", "Input/output error")
