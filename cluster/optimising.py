"""Optimisations at work on this machine, as streams, terminals and logs tell them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from giornata.cluster.reporting.wording import duration
from giornata.jobs.errors import UnknownItem, UnknownJob
from giornata.jobs.maintenance.gc import PICTURES
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.store import JobStore
from giornata.workers.optimization.progress import COURSE, WORK, Course, read_course

Fields = dict[str, Any]


class Optimising:
    """What has changed of the optimisations below a scratch folder since the last look."""

    def __init__(self, store: JobStore, scratch: Path | None) -> None:
        self._store, self._scratch = store, scratch
        self._seen: dict[Path, int] = {}

    def look(self, jobs: Collection[str]) -> list[tuple[str, Fields]]:
        """For each that has moved, the job among `jobs` that it belongs to and what is told of it."""
        found: list[tuple[str, Fields]] = []
        present = self._present()
        moved = [path for path, stamp in present.items() if self._seen.get(path) != stamp]
        self._seen = present
        for path in moved:
            folder = path.parent.parent
            course, item_id = read_course(folder), folder.name.partition("-")[0]
            if course is not None:
                found += [(job, told(job, item_id, course)) for job in jobs if self._is_made(job, item_id)]
        return found

    def _present(self) -> dict[Path, int]:
        if self._scratch is None:
            return {}
        stamps = {}
        for path in (self._scratch / PICTURES).glob(f"*/{WORK}/{COURSE}"):
            try:
                stamps[path] = path.stat().st_mtime_ns
            except OSError:  # delivered a moment ago
                continue
        return stamps

    def _is_made(self, job_id: str, item_id: str) -> bool:
        try:
            return self._store.item(job_id, item_id).state is ItemState.LEASED
        except (UnknownItem, UnknownJob):
            return False


def work_words(name: str, work: Fields) -> str:
    """Such as "a.jpg: scale 2 of 3, 512×340 px, step 4 of 9, loss 1.2, 2.1 steps/s, 3 min left"."""
    pace = f"{work['steps_per_s']:.2g} steps/s" if work["steps_per_s"] else "ready"
    left = f", {duration(work['left_s'])} left" if work["steps_per_s"] and work["left_s"] else ""
    return (
        f"{name}: scale {work['scale']} of {work['scales']}, {work['width']}×{work['height']} px, "
        f"step {work['step']} of {work['steps']}, loss {work['loss'].get('total', 0):.4g}, {pace}{left}"
    )


def told(job_id: str, item_id: str, course: Course) -> Fields:
    """Iterations, loss parts, pace, time left, and where the preview and the curve are."""
    now = course.now
    address = f"/optimising/{job_id}/{item_id}"
    return {
        "job_id": job_id,
        "item_id": item_id,
        "scale": len(course.curves),
        "scales": course.scales,
        "width": now.width,
        "height": now.height,
        "step": now.step,
        "steps": now.steps,
        "loss": now.loss,
        "steps_per_s": round(1 / course.step_s, 3) if course.step_s else None,
        "left_s": course.left_s,
        "preview": f"{address}/picture",
        "curve": f"{address}/curve",
    }
