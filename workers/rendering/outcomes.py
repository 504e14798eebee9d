"""What a worker tells the manager: a finished render, or an error and the class it belongs to."""

import traceback

from giornata.jobs.errors import (
    ObjectChanged,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageThrottled,
    TargetTaken,
    UnsupportedUrl,
)
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass, one_line, tail
from giornata.styles.errors import BadEncoder, BadOptions, BadStylePicture, Diverged, UnknownLayer
from giornata.workers.errors import (
    AlreadyInProgress,
    BadLimits,
    BadTiling,
    EffectRefused,
    EncodeFailed,
    OutOfMemory,
    QualityRefused,
    Rejected,
    RenderError,
    SandboxUnavailable,
    ScratchFull,
    Unreadable,
)
from giornata.workers.rendering.prepared import RenderResult

# What a person asked of an optimisation and can put right; other errors of styles are bugs of ours.
ASKED = (BadStylePicture, BadEncoder, BadOptions, UnknownLayer, Diverged)
# The first match decides; whatever is not listed is a bug of ours.
CLASSES: tuple[tuple[type[BaseException], OutcomeClass], ...] = (
    (Rejected, OutcomeClass.BAD_INPUT),
    (BadTiling, OutcomeClass.BAD_INPUT),
    (BadLimits, OutcomeClass.BAD_INPUT),
    (EffectRefused, OutcomeClass.BAD_INPUT),
    (QualityRefused, OutcomeClass.QUALITY),
    (AlreadyInProgress, OutcomeClass.WAITING),
    (OutOfMemory, OutcomeClass.OOM_DEVICE),
    (TargetTaken, OutcomeClass.TARGET_TAKEN),
    (Unreadable, OutcomeClass.TRANSIENT_IO),
    (ScratchFull, OutcomeClass.TRANSIENT_IO),
    (SandboxUnavailable, OutcomeClass.TRANSIENT_IO),
    (EncodeFailed, OutcomeClass.TRANSIENT_IO),
    (OSError, OutcomeClass.TRANSIENT_IO),
    (StorageThrottled, OutcomeClass.THROTTLED),
    (StorageAccessDenied, OutcomeClass.CREDENTIALS),
    *((kind, OutcomeClass.BAD_INPUT) for kind in ASKED),
    (ObjectNotFound, OutcomeClass.BAD_INPUT),
    (ObjectChanged, OutcomeClass.BAD_INPUT),
    (UnsupportedUrl, OutcomeClass.BAD_INPUT),
    (StorageError, OutcomeClass.TRANSIENT_IO),
)


def classify(error: BaseException) -> OutcomeClass:
    """The class of an error raised while rendering."""
    return next((kind for family, kind in CLASSES if isinstance(error, family)), OutcomeClass.BUG)


def delivered(claim: Claim, rendered: RenderResult, *, seconds: float, worker: str = "") -> Outcome:
    """The report of a finished attempt."""
    return Outcome(
        job_id=claim.job_id,
        item_id=claim.task.item_id,
        attempt=claim.attempt,
        outcome_class=OutcomeClass.DONE,
        seconds=seconds,
        sha256=rendered.sha256,
        bytes=rendered.bytes,
        width=rendered.width,
        height=rendered.height,
        tile_px=rendered.core_px,
        warnings=rendered.warnings[:10],
        facts=rendered.facts,
        worker=worker,
    )


def ended(
    claim: Claim,
    kind: OutcomeClass,
    reason: str,
    *,
    seconds: float = 0.0,
    worker: str = "",
    log: str = "",
) -> Outcome:
    """The report of an attempt that did not deliver."""
    return Outcome(
        job_id=claim.job_id,
        item_id=claim.task.item_id,
        attempt=claim.attempt,
        outcome_class=kind,
        reason=one_line(reason) or kind.value,
        seconds=seconds,
        worker=worker,
        log=tail(log),
    )


def failed(claim: Claim, error: BaseException, *, seconds: float = 0.0, worker: str = "") -> Outcome:
    """The report of an attempt that raised `error`; its traceback is the log."""
    kind = classify(error)
    is_expected = isinstance(error, (RenderError, StorageError, OSError, *ASKED))
    reason = str(error) if is_expected else f"{type(error).__name__}: {error}"
    log = "".join(traceback.format_exception(error))
    report = ended(claim, kind, reason, seconds=seconds, worker=worker, log=log)
    if isinstance(error, OutOfMemory):
        return report.model_copy(update={"tile_px": error.args[0]})
    return report
