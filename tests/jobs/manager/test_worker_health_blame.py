from giornata.jobs.manager.worker_health import SET_ASIDE_AFTER, FailureTracker, place_of
from giornata.jobs.model.attempt import OutcomeClass


def failing(
    blame: FailureTracker, worker: str, *items: str, kind: OutcomeClass = OutcomeClass.BUG
) -> FailureTracker:
    for item in items:
        blame.note("job", item, worker, kind)
    return blame


def test_a_place_outlives_the_worker_in_it() -> None:
    assert place_of("render-3.17") == "render-3"


def test_three_items_that_failed_nowhere_else_speak_against_the_worker() -> None:
    blame = failing(FailureTracker(), "render-0.0", "a", "b")
    assert blame.suspects() == {}
    assert failing(blame, "render-0.1", "c").suspects() == {"render-0": SET_ASIDE_AFTER}


def test_an_item_that_fails_everywhere_speaks_against_itself() -> None:
    blame = failing(FailureTracker(), "render-0.0", "a", "b", "c")
    assert failing(blame, "render-1.0", "a").suspects() == {}


def test_the_same_item_counts_once() -> None:
    assert failing(FailureTracker(), "render-0.0", "a", "a", "a", "a").suspects() == {}


def test_what_is_the_pictures_fault_speaks_against_no_worker() -> None:
    for kind in (OutcomeClass.BAD_INPUT, OutcomeClass.OOM_DEVICE, OutcomeClass.CANCELLED, OutcomeClass.DONE):
        assert failing(FailureTracker(), "render-0.0", "a", "b", "c", kind=kind).suspects() == {}


def test_a_place_that_was_let_back_in_starts_clean() -> None:
    blame = failing(FailureTracker(), "render-0.0", "a", "b", "c")
    blame.forgive("render-0")
    assert blame.suspects() == {}
