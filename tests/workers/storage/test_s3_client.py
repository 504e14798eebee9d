from pathlib import Path

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from giornata.jobs.errors import (
    ObjectChanged,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageThrottled,
    StorageUnavailable,
)
from giornata.jobs.spec.storage import Storage
from giornata.workers.storage.s3_client import new_client, refusal, translated
from giornata.workers.storage.s3_store import S3Store
from tests.support import s3
from tests.workers.storage.objects import BUCKET


def test_a_service_that_is_not_there_is_told_in_a_moment(tmp_path: Path) -> None:
    store = S3Store(Storage(endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(StorageUnavailable, match="the connection failed"):
        store.stat("s3://bucket/a")


def test_without_credentials_the_words_say_what_to_do(
    url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as bare:
        bare.delenv("AWS_ACCESS_KEY_ID")
        bare.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(StorageAccessDenied, match="log in, or set AWS_PROFILE"):
            S3Store(Storage(endpoint_url=url)).stat(f"s3://{BUCKET}/a")
        bare.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(StorageAccessDenied, match="ProfileNotFound"):
            new_client(Storage(endpoint_url=url))


def test_no_error_of_the_library_is_left_untranslated() -> None:
    known = [kind for kind in vars(botocore.exceptions).values() if isinstance(kind, type)]
    ours = botocore.exceptions.ParamValidationError  # says that we asked for something that cannot be
    for kind in known:
        if issubclass(kind, botocore.exceptions.BotoCoreError) and not issubclass(kind, ours):
            with pytest.raises(StorageError), translated("s3://b/k"):
                raise kind.__new__(kind)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, StorageThrottled),
        ("InternalError", 500, StorageUnavailable),
        ("NotImplemented", 501, StorageError),
        ("InvalidAccessKeyId", 403, StorageAccessDenied),
        ("403", 403, StorageAccessDenied),
        ("PermanentRedirect", 301, StorageAccessDenied),
        ("NoSuchBucket", 404, ObjectNotFound),
        ("404", 404, ObjectNotFound),
        ("NoSuchVersion", 404, ObjectChanged),
        ("PreconditionFailed", 412, ObjectChanged),
        ("ConditionalRequestConflict", 409, StorageUnavailable),
        ("MalformedXML", 400, StorageError),
    ],
)
def test_answers_are_classed_by_code_and_status(code: str, status: int, kind: type[StorageError]) -> None:
    answer = {"Error": {"Code": code, "Message": s3.KEY}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = refusal("s3://b/k", ClientError(answer, "GetObject"))  # type: ignore[arg-type]
    assert type(error) is kind
    assert s3.KEY not in str(error)
