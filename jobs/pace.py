"""How patient a manager is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Silence:
    """When a running item that shows no progress is given up: after `factor` medians, never before `floor_s`.

    The floor is far above the longest step, one tile of the largest size on a slow machine.
    """

    factor: float = 10.0
    floor_s: float = 600.0


@dataclass(frozen=True)
class Pace:
    """The manager's waits. `drain_s` is how long a stop lets running items end before it drops them."""

    collect_s: float = 1.0
    idle_s: float = 1.0
    drain_s: float = 30.0
    chunk: int = 256  # claimed in one turn
    tell_s: float = 0.2  # a listener hears of a job at most this often
    remind_s: float = 2.0  # and this often of one in which nothing ends: a picture may take an hour
    grace_s: float = 60.0  # added to what a claim may take before its lease ends
    patience_s: float = 300.0  # for a database that does not answer
    silence: Silence = Silence()
