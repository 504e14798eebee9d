"""A batch in a process that can be killed, whose `rendering` is to send a large file."""

import sys
from pathlib import Path

from giornata.jobs.model.attempt import Claim, Outcome
from giornata.jobs.store.store import JobStore
from giornata.workers.rendering.outcomes import delivered
from giornata.workers.rendering.prepared import RenderResult
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.uploader import Uploader
from tests.support.buckets import Batch, InlineRunner, planted


class Copies(InlineRunner):
    """Sends a large file as if it had been rendered."""

    def __init__(self, large: Path, sha256: str) -> None:
        self._line: list[Claim] = []
        self._large, self._sha256 = large, sha256
        self._sender = Uploader(StorageRouter())

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Send the first in line."""
        if not self._line:
            return []
        claim = self._line.pop(0)
        path = self._sender.path(claim, self._large.parent)
        path.parent.mkdir(exist_ok=True)
        path.hardlink_to(self._large)
        self._sender.send(claim, path)
        size = self._large.stat().st_size
        made = RenderResult(sha256=self._sha256, bytes=size, width=9, height=9, tiles=1, core_px=64)
        return [delivered(claim, made, seconds=0.1)]


def main(folder: Path, library: Path, url: str, large: Path, sha256: str) -> None:
    """Run the job to its end."""
    planted()
    with JobStore(folder / "jobs.sqlite") as store:
        batch = Batch(folder, library, store)
        _, state = batch.run(batch.spec(url, styles=["one"]), runner=Copies(large, sha256))
    print(state)  # noqa: T201 - for the test


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), sys.argv[5])
