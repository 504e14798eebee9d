"""Objects in the bucket of a test."""

from tests.support import s3

BUCKET = "pictures"


def put(url: str, key: str, data: bytes = b"1234") -> str:
    s3.client(url).put_object(Bucket=BUCKET, Key=key, Body=data)
    return f"s3://{BUCKET}/{key}"
