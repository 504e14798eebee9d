"""`Witness`: somebody who looks at a bucket all the time, and remembers what was seen under final names."""

import hashlib
import json
import threading
from collections import defaultdict
from typing import Any

from botocore.exceptions import ClientError

from giornata.workers.storage.s3_transfer import SHA256
from tests.support import s3

PAUSE_S = 0.05
INDEX = "/info.json"  # a viewer begins here, and goes on to all that it names


class Witness:
    """Use it in a `with`: `torn` names what was seen and was not whole, `seen` the hashes of each name."""

    def __init__(self, url: str, bucket: str) -> None:
        self._client, self._bucket = s3.client(url), bucket
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._known: set[tuple[str, str]] = set()
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.torn: list[str] = []
        self.passes = 0

    def __enter__(self) -> "Witness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        before = self.passes
        while self.passes == before:  # what is there at last is seen in any case
            self._look_around()

    @property
    def looks(self) -> int:
        """How many objects were read."""
        return len(self._known)

    def _watch(self) -> None:
        while not self._stop.wait(PAUSE_S):
            self._look_around()

    def _look_around(self) -> None:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        try:
            listed = [one for page in pages for one in page.get("Contents", ())]
        except ClientError:
            return  # the service stumbles over objects that come and go while it lists; the next look tells
        for found in listed:
            version = found["Key"], found["ETag"]
            if version not in self._known and not is_hidden(found["Key"]):
                self._known.add(version)
                self._look(found["Key"])
        self.passes += 1

    def _look(self, key: str) -> None:
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError:
            self.torn.append(f"{key} was there and is gone")
            return
        data = found["Body"].read()
        sha256 = hashlib.sha256(data).hexdigest()
        self.seen[key].add(sha256)
        if found["Metadata"].get(SHA256) != sha256:
            self.torn.append(f"{key} is not what was sent")
        if key.endswith(INDEX):
            self._look_behind(key.removesuffix(INDEX), json.loads(data))

    def _look_behind(self, folder: str, info: dict[str, Any]) -> None:
        """A picture of tiles, seen by its index: every size that it offers is there."""
        wanted = [f"full/{one['width']},{one['height']}/0/default.jpg" for one in info["sizes"]]
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{folder}/"
        )
        there = {one["Key"].removeprefix(f"{folder}/") for page in pages for one in page.get("Contents", ())}
        missing = {"full/max/0/default.jpg", *wanted} - there
        self.torn += [f"{folder} has an index and no {name}" for name in sorted(missing)]


def is_hidden(key: str) -> bool:
    """Whether a key is one that nobody is meant to look at."""
    return any(part.startswith(".") for part in key.split("/"))
