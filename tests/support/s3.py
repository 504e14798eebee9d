"""A real HTTP S3 endpoint on loopback for tests, in a process of its own, and clients to look at it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

KEY, SECRET = "AKIAPLANTEDKEYID0000", "planted/secret/that/must/never/be/seen"
SERVER = """
import logging, sys, warnings
out, sys.stdout = sys.stdout, sys.stderr
warnings.simplefilter("ignore")
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
print(server.get_host_and_port()[1], file=out, flush=True)
sys.stdin.read()
"""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@contextmanager
def endpoint() -> Iterator[str]:
    """The URL of an S3 service that is empty and ends with the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **CREDENTIALS},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def client(url: str) -> Any:
    """A client as anybody would have one."""
    return boto3.session.Session(KEY, SECRET).client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            # The service here tells the hash of an object's parts as if it were that of its bytes.
            response_checksum_validation="when_required",
        ),
    )


def keys(url: str, bucket: str, prefix: str = "") -> list[str]:
    """All keys of a bucket, hidden ones included, in order."""
    pages = client(url).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", ())]


def open_uploads(url: str, bucket: str) -> list[str]:
    """Keys of multipart uploads that nobody ended."""
    return [one["Key"] for one in client(url).list_multipart_uploads(Bucket=bucket).get("Uploads", ())]
