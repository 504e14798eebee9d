"""The system's clock behind the `Clock` port, so that tests can move time by hand."""

import time


class SystemClock:
    """Seconds since 1970; leases outlive a process, so a monotonic clock would not do."""

    def now(self) -> float:
        """The current time in seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
