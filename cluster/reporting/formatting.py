"""Numbers, times and names as a page shows them."""

from datetime import UTC, datetime

from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState

NOTHING = "–"

CAUSES = {
    OutcomeClass.DONE: "Delivered",
    OutcomeClass.TRANSIENT_IO: "A disk or a network did not answer",
    OutcomeClass.WORKER_LOST: "A worker died",
    OutcomeClass.OOM_DEVICE: "Too little memory",
    OutcomeClass.BAD_INPUT: "The source cannot be rendered",
    OutcomeClass.QUALITY: "The result is not as good as was asked",
    OutcomeClass.TARGET_TAKEN: "A file of somebody else stands in its place",
    OutcomeClass.THROTTLED: "The storage asked to wait",
    OutcomeClass.CREDENTIALS: "The storage refused the credentials",
    OutcomeClass.TIMEOUT: "It took too long",
    OutcomeClass.BUG: "A fault of the program",
    OutcomeClass.CANCELLED: "Cancelled",
    OutcomeClass.WAITING: "Waiting for the picture it is cut from",
}


def cause_words(outcome_class: str) -> str:
    """The meaning of a class of outcomes; a text that is no class stays as it is."""
    return CAUSES[OutcomeClass(outcome_class)] if outcome_class in set(OutcomeClass) else outcome_class


def state_words(state: JobState | ItemState) -> str:
    """A state without underscores."""
    return str(state).replace("_", " ")


def whole(number: int) -> str:
    """A count with thousands apart: 12 345."""
    return f"{number:,}".replace(",", "\u202f")


def figure(number: float | None) -> str:
    """A measured number with about three digits that mean something."""
    if number is None:
        return NOTHING
    if number >= 100:
        return whole(round(number))
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def duration(seconds: float | None) -> str:
    """`0.42 s`, `12.3 s`, `3 min 20 s`, `2 h 05 min` or `3 d 4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 59.95:
        return f"{figure(seconds)} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02} s"
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def size(bytes: int | None) -> str:
    """`512 B`, `2.40 MB`: decimal units, as disks are sold and files listed."""
    if bytes is None:
        return NOTHING
    if bytes < 1000:
        return f"{bytes} B"
    amount = float(bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{figure(amount)} {unit}"
    return f"{figure(amount / 1000)} TB"


def pixels(number: int | None) -> str:
    """`12.3 Mpx`."""
    return NOTHING if number is None else f"{figure(number / 1e6)} Mpx"


def moment(at: float | None) -> str:
    """`2026-11-21 07:31:56 UTC`."""
    return NOTHING if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def share(part: float, total: float) -> str:
    """`12 %`; never 0 % of something, nor 100 % of less than all."""
    if not total:
        return NOTHING
    percent = 100 * part / total
    if 0 < percent < 1:
        return "< 1 %"
    return "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def visible(text: object) -> str:
    """`text` without characters that hide, turn or break the text beside them: those are spelt out."""
    characters = str(text)
    if characters.isprintable():
        return characters
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in characters
    )


def shortened(text: str, length: int) -> str:
    """`text`, cut in the middle when it is longer than `length`: file names differ at both ends."""
    if len(text) <= length:
        return text
    head = length // 2
    return f"{text[:head]}…{text[len(text) - (length - head - 1) :]}"
