import time

from giornata.jobs.clock import SystemClock


def test_the_clock_of_the_system_tells_seconds_since_1970_and_waits() -> None:
    clock = SystemClock()
    before = time.time()
    assert before <= clock.now() <= time.time()
    clock.sleep(0.02)
    assert clock.now() - before >= 0.019
