"""Reads picture sizes from headers, for planning: thousands a second, in the decoding process."""

from pathlib import Path
from types import TracebackType
from typing import Self

from giornata.jobs.planning.estimate import Size
from giornata.jobs.spec.enums import Pages
from giornata.workers.errors import RenderError
from giornata.workers.limits import Limits
from giornata.workers.reading import Reading
from giornata.workers.sandbox import Sandbox


def header_size(path: Path | str, *, sandbox: Sandbox, page: int | None = None) -> tuple[int, int] | None:
    """Upright width and height in px of the picture at `path`, or None if no job could render it.

    Of several pages the first, or that which is numbered `page` from 0.
    """
    try:
        facts = sandbox.inspect(path, _lenient(sandbox.limits, page))
    except RenderError:
        return None
    return facts.width, facts.height


def _lenient(limits: Limits, page: int | None) -> Reading:
    """Whether pages and ranges suit the job is not a question of size."""
    pages = Pages.FIRST if page is None else Pages.ALL
    return Reading(pages=pages, page=page, float_range=(0, 1), limits=limits)


class HeaderMeasure:
    """The planner's `Measure`, over a decoding process of its own. Not thread-safe; close it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._sandbox = Sandbox(limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, source: str, page: int | None = None) -> Size | None:
        size = header_size(source, sandbox=self._sandbox, page=page)
        return Size(*size) if size else None

    def close(self) -> None:
        """Ends the decoding process."""
        self._sandbox.close()
