"""`S3Listing`: what is in buckets, page by page: objects, folders of attempts, uploads nobody ended."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from giornata.jobs.manager.timing import Ask
from giornata.jobs.model.paths import PREFIX
from giornata.jobs.storage.base import Entry
from giornata.workers.s3 import S3Client, joined, split, translated

FEW = 8  # names in a folder that are asked for one by one; a listing answers for more


class S3Listing:
    """Lists with one client, and asks again for a page as `ask` does."""

    def __init__(self, client: S3Client, ask: Ask) -> None:
        self._client, self._ask = client, ask

    def below(self, bucket: str, prefix: str, depth: int | None = None) -> Iterator[Entry]:
        """All objects under a prefix, by key, or level by level where there is a `depth`."""
        inner = []
        for page in self._pages(bucket, prefix, **({"Delimiter": "/"} if depth else {})):
            yield from (_entry(bucket, one) for one in page.get("Contents", ()))
            inner += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
        if depth and depth > 1:
            for one in inner:
                yield from self.below(bucket, one, depth - 1)

    def answers(self, folder: str, names: Sequence[str]) -> dict[str, Entry | None]:
        """What a listing says of sorted names of one folder, as far as it comes in a fair number of pages."""
        bucket, above = split(folder)
        first, last = split(names[0])[1], split(names[-1])[1]
        found: dict[str, Entry | None] = dict.fromkeys(names)
        pages = self._pages(bucket, f"{above}/" if above else "", Delimiter="/", StartAfter=first[:-1])
        reached = ""
        for page in islice(pages, 2 + len(names) // FEW):
            for one in page.get("Contents", ()):
                reached = one["Key"]
                if (name := joined(bucket, reached)) in found:
                    found[name] = _entry(bucket, one)
            if reached >= last or not page.get("IsTruncated"):
                return found
        return {name: seen for name, seen in found.items() if split(name)[1] <= reached}

    def attempted(self, bucket: str, prefix: str) -> Iterator[Entry]:
        """Folders that attempts were filling."""
        last = ""
        for found in self.below(bucket, prefix):
            parts = split(found.name)[1].split("/")
            cut = next((number for number, part in enumerate(parts[:-1], 1) if part.startswith(PREFIX)), 0)
            name = joined(bucket, "/".join(parts[:cut]))
            if cut and name != last:
                last = name
                yield Entry(name, found.bytes, found.changed_at)

    def uploads(self, bucket: str, prefix: str) -> Iterator[Entry]:
        """Multipart uploads that have not ended, with their id for a version."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        with translated(joined(bucket, prefix)):
            for page in pages:
                for found in page.get("Uploads", ()):
                    begun_s = found["Initiated"].timestamp()
                    yield Entry(joined(bucket, found["Key"]), 0, begun_s, version=found["UploadId"])

    def _pages(self, bucket: str, prefix: str, **words: Any) -> Iterator[dict[str, Any]]:
        """Page by page, each asked for when it is wanted: a page that fails does not lose those before it."""
        while True:
            page = self._ask(lambda words=words: self._page(bucket, prefix, words))  # type: ignore[misc]
            yield page
            if not page.get("IsTruncated"):
                return
            words["ContinuationToken"] = page["NextContinuationToken"]

    def _page(self, bucket: str, prefix: str, words: dict[str, Any]) -> dict[str, Any]:
        with translated(joined(bucket, prefix)):
            page: dict[str, Any] = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, **words)
        return page


def _entry(bucket: str, found: dict[str, Any]) -> Entry:
    etag = found["ETag"].strip('"')
    changed_at = found["LastModified"].timestamp()
    return Entry(joined(bucket, found["Key"]), found["Size"], changed_at, f"{found['Size']}-{etag}")
