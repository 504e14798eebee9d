"""What the manager is told of a call that did not come back with a value."""

from giornata.cluster.actors import OutcomeKind
from giornata.cluster.result import Result
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.workers.rendering import outcomes as report


def ended(claim: Claim, result: Result) -> Outcome:
    """The report of a claim whose call failed, was too long, or went down with its worker."""
    worker, seconds = result.worker, result.seconds
    error = result.error or RuntimeError("no answer")
    if result.kind is OutcomeKind.TIMEOUT:
        return report.ended(claim, OutcomeClass.TIMEOUT, str(error), seconds=seconds, worker=worker)
    if result.kind is OutcomeKind.WORKER_LOST:
        # Whoever only waited behind the suspect goes back to its queue as if it had never been claimed.
        kind = OutcomeClass.WORKER_LOST if result.suspect else OutcomeClass.CANCELLED
        return report.ended(claim, kind, str(error), seconds=seconds, worker=worker)
    failed = report.failed(claim, error, seconds=seconds, worker=worker)
    return failed.model_copy(update={"log": result.traceback[-len(failed.log) :] or failed.log})
