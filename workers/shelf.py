"""Totals that many pictures borrow, found once and kept on scratch: a set is tied to one mapping."""

import hashlib
import json
import os
from pathlib import Path

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.crop import CropStyling
from giornata.styles.moments import Totals, from_lists


def reference_task(task: RenderTask) -> RenderTask:
    """What is decoded to find a reference's totals: the whole picture, as large as it would be styled."""
    crop = task.crop and task.crop.model_copy(update={"styling": CropStyling.ONCE})
    other = {"source": str(task.reference), "page": task.reference_page, "crop": crop, "min_ssim": None}
    return task.model_copy(update=other)


def totals_key(task: RenderTask) -> str:
    """40 hexadecimal digits of all that a reference's totals depend on, the version of its file included."""
    needs = [need.model_dump_json() for need in task.crop.all_needs] if task.crop else []
    mix = json.dumps(sorted(task.mix.items()))
    words = (
        *(task.reference or "", _stamp(str(task.reference)), mix, task.engine_version, *needs),
        f"{task.strength!r} {task.precision} {task.device} {task.brush!r} {task.float_range}",
        f"{task.pages} {task.reference_page}",
        *((task.universal.model_dump_json(),) if task.universal else ()),
    )
    return hashlib.blake2b("\n".join(words).encode(), digest_size=20).hexdigest()


def _stamp(path: str) -> str:
    try:
        facts = Path(path).stat()
    except OSError:
        return ""  # whoever reads it will say so
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def kept_totals(folder: Path, key: str) -> Totals | None:
    """Totals that were found before, bit for bit; nothing when they were not."""
    try:
        return from_lists(json.loads((folder / f"{key}.json").read_text()))
    except FileNotFoundError:
        return None


def keep_totals(folder: Path, key: str, totals: Totals) -> Totals:
    """Keep totals for others, and give back those that count: the first ones that were kept."""
    folder.mkdir(parents=True, exist_ok=True)
    part, place = folder / f"{key}.{os.getpid()}.part", folder / f"{key}.json"
    part.write_text(json.dumps([total.as_lists() for total in totals]))
    try:
        place.hardlink_to(part)
    except FileExistsError:
        pass
    except OSError:  # scratch without links: a second process would write the same numbers
        part.replace(place)
    part.unlink(missing_ok=True)
    return kept_totals(folder, key) or totals
