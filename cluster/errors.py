"""Errors of the cluster package.

ClusterError
├── ClusterUnreachable      no cluster answers at the address given
├── RayLoadedTooEarly       Ray was imported before its settings were in place
├── RayFailedToStart        the embedded Ray did not come up
├── ServiceError
│   ├── ServiceUnreachable  no service answers at the address given
│   ├── ServiceRefused      the service answered that it will not do it
│   ├── InvalidParameter    a parameter that cannot be meant: a cursor, a number, a name out of range
│   ├── UnsafeService       a service that would be open to others
│   ├── TargetForbidden     a webhook that points where it must not
│   └── StoreInUse          a batch that a running service should be given
└── PoolError
    ├── NoFreeSlot          more calls were submitted than the pool takes
    ├── UnknownWorker       a call is pinned to a worker that is gone
    ├── PoolClosed          the pool takes no more calls
    ├── WorkersNeverStart   replacement after replacement dies before its first call
    ├── WorkerLost          a worker died with the call in flight
    └── CallTimedOut        a call ran past its deadline and its worker was killed
"""

import textwrap

REASON_LENGTH = 200  # characters; Ray's messages go on to whole manuals


class ClusterError(Exception):
    """Root of what can go wrong around Ray; the arguments survive pickling, `__str__` builds the words."""


class ClusterUnreachable(ClusterError):
    """`ClusterUnreachable(address, reason)`."""

    def __str__(self) -> str:
        address, reason = self.args
        return f"connecting to the cluster at {address}: {reason}; needed a Ray head that takes our token"


class RayLoadedTooEarly(ClusterError):
    """`RayLoadedTooEarly(variable, value, needed)`: Ray reads its environment once, when it is imported."""

    def __str__(self) -> str:
        variable, value, needed = self.args
        return f"starting Ray: it was imported with {variable}={value!r}, needed {needed!r} before the import"


class RayFailedToStart(ClusterError):
    """`RayFailedToStart(reason)`."""

    def __str__(self) -> str:
        (reason,) = self.args
        return f"starting the embedded Ray: {reason}"


class ServiceError(ClusterError):
    """Root of what can go wrong with the service that people submit to."""


class ServiceUnreachable(ServiceError):
    """`ServiceUnreachable(url, reason)`."""

    def __str__(self) -> str:
        url, reason = self.args
        return f"asking the service at {url}: {reason}; start one with: giornata up"


class ServiceRefused(ServiceError):
    """`ServiceRefused(status, code, message)`: an HTTP status, a word for programs, a line for people."""

    def __str__(self) -> str:
        _, code, message = self.args
        return f"{message} ({code})"


class InvalidParameter(ServiceError):
    """`InvalidParameter(field, value, needed)`."""

    def __str__(self) -> str:
        field, value, needed = self.args
        return f"reading {field}: got {value!r}, needed {needed}"


class UnsafeService(ServiceError):
    """`UnsafeService(what, reason)`: refused before anything listens."""

    def __str__(self) -> str:
        what, reason = self.args
        return f"starting the service: {what}: {reason}"


class TargetForbidden(ServiceError):
    """`TargetForbidden(url, reason)`."""

    def __str__(self) -> str:
        url, reason = self.args
        return f"posting to {url}: {reason}"


class StoreInUse(ServiceError):
    """`StoreInUse(store, holder)`: a single batch may not run beside a service on one store."""

    def __str__(self) -> str:
        store, holder = self.args
        return f"running a batch on {store}: it is managed by {holder}; use: giornata submit"


class PoolError(ClusterError):
    """Root of what can go wrong with a pool of workers."""


class NoFreeSlot(PoolError):
    """`NoFreeSlot(key, requested, in_flight)`: ask `free_slots` with the same arguments before submitting."""

    def __str__(self) -> str:
        key, requested, in_flight = self.args
        return f"submitting call {key!r}: {in_flight} calls in flight, needed a free slot on {requested}"


class UnknownWorker(PoolError):
    """`UnknownWorker(worker, workers)`: ids are never used twice, so a replaced worker stays unknown."""

    def __str__(self) -> str:
        worker, workers = self.args
        return f"looking up worker {worker!r}: it is gone; workers now: {', '.join(workers) or 'none'}"


class PoolClosed(PoolError):
    """`PoolClosed(key)`."""

    def __str__(self) -> str:
        (key,) = self.args
        return f"submitting call {key!r}: the pool is closed"


class WorkersNeverStart(PoolError):
    """`WorkersNeverStart(starts, reason)`."""

    def __str__(self) -> str:
        starts, reason = self.args
        return f"starting workers: {starts} in a row ended before their first call; the last one: {reason}"


class WorkerLost(PoolError):
    """`WorkerLost(worker, reason)`."""

    def __str__(self) -> str:
        worker, reason = self.args
        return f"running on worker {worker}: the worker is gone: {reason}"


class CallTimedOut(PoolError):
    """`CallTimedOut(key, worker, timeout_s)`."""

    def __str__(self) -> str:
        key, worker, timeout_s = self.args
        return f"running call {key!r} on worker {worker}: no answer in {timeout_s:g} s; the worker was killed"


def last_line(text: str) -> str:
    """The last line of a foreign message that says something, which is where Python and Ray put the cause."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return textwrap.shorten(lines[-1], REASON_LENGTH, placeholder=" …") if lines else ""
