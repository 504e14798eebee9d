"""The way to a bucket: clients, names, and the one table that turns boto3's errors into ours.

Nothing of a request is quoted in an error: what was signed must not reach a log or a database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from giornata.jobs.errors import (
    ObjectChanged,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageThrottled,
    StorageUnavailable,
)
from giornata.jobs.spec.naming import REMOTE
from giornata.jobs.spec.storage import Storage

S3Client = Any  # boto3 makes its clients' classes while it runs

ATTEMPTS = 3  # of one request; what fails then is the manager's to try again, with longer waits
CONNECT_S, READ_S = 10, 60
CONNECTIONS = 32
NOT_IMPLEMENTED = 501  # will not change by trying again
DEFAULT_REGION = "us-east-1"  # compatible services sign with it when they have no regions

_BUSY = frozenset(
    {
        "SlowDown",
        "SlowDownRead",
        "SlowDownWrite",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "Busy",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_UNKNOWN_KEY = frozenset({"InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "InvalidSecurity"})
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_CHANGED = frozenset({"PreconditionFailed", "InvalidRange", "NoSuchVersion"})
_CONFLICT = frozenset({"ConditionalRequestConflict", "OperationAborted"})
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
    boto.NoAuthTokenError,
    boto.ProfileNotFound,
    boto.ConfigNotFound,
)


def new_client(storage: Storage) -> S3Client:
    """A client for a job's storage; safe to share between threads. Raises `StorageError`."""
    style = storage.path_style if storage.path_style is not None else storage.endpoint_url is not None
    with translated(storage.endpoint_url or "S3"):
        session = boto3.session.Session()
        return session.client(
            "s3",
            endpoint_url=storage.endpoint_url,
            region_name=storage.region or session.region_name or DEFAULT_REGION,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                connect_timeout=CONNECT_S,
                read_timeout=READ_S,
                max_pool_connections=CONNECTIONS,
                s3={"addressing_style": "path" if style else "auto"},
                request_checksum_calculation=storage.request_checksum_calculation.value,
                response_checksum_validation="when_required",
            ),
        )


def split(name: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`; the key of a bucket itself is empty."""
    bucket, _, key = name.removeprefix(REMOTE).partition("/")
    return bucket, key


def joined(bucket: str, key: str) -> str:
    """The name of an object."""
    return f"{REMOTE}{bucket}/{key}"


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Inside, what boto3 raises about `name` becomes a `StorageError`."""
    try:
        yield
    except boto.ClientError as error:
        problem: StorageError = refusal(name, error)
    except _NO_CREDENTIALS as error:
        problem = StorageAccessDenied(
            name, f"{_kind(error)}; log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID, and the job goes on"
        )
    except boto.ParamValidationError:
        raise  # our own mistake
    except (boto.BotoCoreError, ResponseParserError, HTTPError, ConnectionError) as error:
        problem = StorageUnavailable(name, f"the connection failed ({_kind(error)})")
    else:
        return
    raise problem from None  # the cause may quote an address with what was signed in it


def refusal(name: str, error: boto.ClientError) -> StorageError:
    """Our error for a service's answer."""
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return _refusal(name, code, status)


def _refusal(name: str, code: str, status: int) -> StorageError:
    if code in _BUSY or status in (429, 503):
        return StorageThrottled(name, f"the storage asks to slow down ({code or status})")
    if code in _EXPIRED:
        return StorageAccessDenied(
            name, f"the credentials have expired ({code}); renew them and the job goes on"
        )
    if code in _UNKNOWN_KEY:
        return StorageAccessDenied(
            name, f"the credentials are not known there ({code}); set others and the job goes on"
        )
    if code in _ELSEWHERE or status == 301:
        return StorageAccessDenied(
            name, f"the bucket is in another region ({code or status}); set storage.region"
        )
    if status in (401, 403):
        reason = f"access was refused ({code or status}); allow it for these credentials and the job goes on"
        return StorageAccessDenied(name, reason)
    if code == "NoSuchBucket":
        return ObjectNotFound(name, "there is no such bucket")
    if code in _CHANGED or status in (412, 416):
        return ObjectChanged(name, "another version is there than the one that was looked at")
    if status == 404:
        return ObjectNotFound(name, "nothing is there")
    if code in _CONFLICT or (status >= 500 and status != NOT_IMPLEMENTED):
        return StorageUnavailable(name, f"the storage failed ({code or status})")
    return StorageError(name, f"the storage refused ({code or status})")


def _kind(error: BaseException) -> str:
    return type(error).__name__
