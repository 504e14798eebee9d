from pathlib import Path

import pytest

from giornata.jobs.errors import (
    UnsupportedUrl,
)
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.local import LocalStore
from giornata.workers.storage.router import StorageRouter


def test_other_schemes_are_refused() -> None:
    for name in ("gs://bucket/a", "s3://", "s3://B/a"):
        with pytest.raises(UnsupportedUrl):
            StorageRouter().at(name)


def test_buckets_with_one_reach_share_a_client_and_disks_need_none(tmp_path: Path) -> None:
    router = StorageRouter()
    here = Storage(endpoint_url="http://127.0.0.1:9")
    told = Storage(endpoint_url="http://127.0.0.1:9", storage_class="STANDARD_IA", tags={"a": "b"})
    there = Storage(endpoint_url="http://127.0.0.1:10")
    first = router.at("s3://pictures/a", here)
    assert router.at("s3://plates/b", told) is first
    assert router.at("s3://pictures/a", there) is not first
    assert isinstance(router.at(str(tmp_path / "a"), here), LocalStore)
