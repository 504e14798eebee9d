"""Batches from bucket to bucket, with the real manager, publisher and renderer, and no Ray."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from giornata.cluster.batch.artifacts import write_artifacts
from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.execution.render_actor import RenderActor
from giornata.jobs.maintenance.audit import audit
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.manager.timing import Retrying, Timeouts, at_once
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome
from giornata.jobs.model.ports import TaskRunner, WorkerSlot
from giornata.jobs.model.retry import RetryPolicy
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.store.records import destination_of
from giornata.jobs.store.store import JobStore
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.library import Library
from giornata.styles.training.export import write_library
from giornata.styles.training.recipe import Recipe
from giornata.workers.settings import RenderSettings
from giornata.workers.storage.publisher import new_publisher
from tests.support import s3

SOURCES, RENDERED = "pictures", "rendered"
# Waits that a test can afford; what is counted and what is not stays as it is.
QUICK = RetryPolicy(first_delay_s=0.1, longest_delay_s=0.5, throttled_hold_s=1.0, credentials_hold_s=1.0)
PACE = Timeouts(collect_s=0.05, idle_s=0.1)


def small_library(folder: Path) -> Path:
    """A library of one small network with random weights, whose styles are `one` and `two`."""
    torch.manual_seed(3)
    paintings = [
        {"name": name, "image": "none.jpg", "title": "o", "artist": "nobody", "year": "0"}
        for name in ("one", "two")
    ]
    words = {"name": "tiny", "trained_on": "nothing", "width": 8, "blocks": 1, "stages": [{"steps": 1}]}
    network = TransformerNetwork(styles=3, width=8, blocks=1)
    for stage in network.normalised():
        torch.nn.init.normal_(stage.table, 0.7, 0.3)
    write_library(network, Recipe.model_validate(words | {"paintings": paintings}), folder)
    return folder


def picture(number: int, *, side: int = 48, kind: str = "PNG") -> bytes:
    """A small picture that no other number has."""
    y, x = np.mgrid[:side, : side + 8]
    waves = np.stack([np.sin(x / (3 + number + c)) + np.cos(y / (5 + c)) for c in range(3)], 2)
    file = BytesIO()
    Image.fromarray((waves * 60 + 128).clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


class InlineRunner:
    """The cluster's render actor, called in this thread: one claim at a time."""

    def __init__(self, scratch: Path, library: Path) -> None:
        settings = RenderSettings(scratch=scratch, style_folders=(library,), memory_bytes=1 << 28)
        self._actor = RenderActor(settings, 1, False)
        self._line: list[Claim] = []
        self.rendered = 0

    def close(self) -> None:
        """End the decoding process."""
        self._actor.renderer.close()

    def capacity(self) -> int:
        """Four in line."""
        return 4 - len(self._line)

    def submit(self, claim: Claim) -> None:
        """Put it in line."""
        self._line.append(claim)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Render the first in line."""
        if not self._line:
            return []
        outcome = self._actor.render(self._line.pop(0))
        assert isinstance(outcome, Outcome)
        self.rendered += 1
        return [outcome]

    def cancel(self) -> None:
        """Forget the line."""
        self._line.clear()

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """Forget these."""
        self._line = [claim for claim in self._line if claim.key not in keys]

    def beats(self) -> Mapping[ClaimKey, float]:
        """None."""
        return {}

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """Nothing runs while anybody could ask."""

    def workers(self) -> list[WorkerSlot]:
        """None."""
        return []

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """There is one place."""


@dataclass
class Batch:
    """A store in `folder` and what runs jobs of it against an endpoint, again and again."""

    folder: Path
    library: Path
    store: JobStore

    def spec(self, url: str, **more: object) -> JobSpec:
        """All pictures of the source bucket in both styles."""
        words = {
            "name": "set",
            "inputs": f"s3://{SOURCES}/set/",
            "styles": ["one", "two"],
            "destination": f"s3://{RENDERED}/out",
            "storage": {"endpoint_url": url},
        }
        return parse_spec({**words, **more}, origin="spec")

    def run(
        self,
        spec: JobSpec,
        *,
        runner: TaskRunner | None = None,
        stop: Callable[[], bool] = lambda: False,
        policy: RetryPolicy = QUICK,
        ask: Retrying = at_once,
    ) -> tuple[str, JobState]:
        """Submit and run to the end; the job's id and the state it ended in."""
        inline = None if runner else InlineRunner(self.folder / "scratch", self.library)
        publisher = new_publisher(self.store.deliveries.put_at)
        styles = InstalledStyles(Library((self.library,)))
        manager = JobManager(
            self.store,
            runner or inline,
            publisher,
            styles,
            policy=policy,
            pace=PACE,  # type: ignore[arg-type]
        )
        try:
            job_id = manager.submit(spec, base=self.folder, ask=ask).job_id
            state = manager.run_until_done(job_id, stop)
            if state.is_terminal:
                write_artifacts(self.store, job_id, publisher)
            return job_id, state
        finally:
            if inline:
                inline.close()

    def audit(self, job_id: str) -> list[str]:
        """What does not hold."""
        record = self.store.jobs.get(job_id)
        return audit(self.store, job_id, destination=destination_of(record), files=new_publisher())


def fill(url: str, count: int) -> Any:
    """Two buckets, and pictures in one of them; a client to look at both."""
    client = s3.client(url)
    for bucket in (SOURCES, RENDERED):
        client.create_bucket(Bucket=bucket)
    for number in range(count):
        kind = ("PNG", "JPEG")[number % 2]
        key = f"set/{'ab'[number % 2]}/p{number}.{kind.lower()}"
        client.put_object(Bucket=SOURCES, Key=key, Body=picture(number, kind=kind))
    return client


def empty(url: str) -> None:
    """Remove both buckets."""
    client = s3.client(url)
    for bucket in (SOURCES, RENDERED):
        for key in s3.keys(url, bucket):
            client.delete_object(Bucket=bucket, Key=key)
        for left in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=bucket, Key=left["Key"], UploadId=left["UploadId"])
        client.delete_bucket(Bucket=bucket)


def planted() -> None:
    """Credentials as a machine has them, for this process and its children."""
    os.environ.update(s3.CREDENTIALS)
