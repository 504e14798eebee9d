"""Wall time by step."""

import time


class Stopwatch:
    """Wall seconds by step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, step: str) -> None:
        """End the step that has been running since the last lap."""
        now = time.monotonic()
        self.laps[step] = round(now - self._since, 4)
        self._since = now
