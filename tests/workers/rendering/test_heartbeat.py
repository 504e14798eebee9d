import threading

import pytest

from giornata.jobs.model.attempt import ClaimKey
from giornata.workers.rendering.heartbeat import Cancelled, Heartbeat

KEY = ClaimKey("job", "a", 1)


def test_a_claim_is_let_go_at_its_next_step() -> None:
    pulse = Heartbeat()
    pulse.begin(KEY)
    pulse.tick()
    pulse.drop((KEY,))
    with pytest.raises(Cancelled):
        pulse.tick()


def test_a_claim_dropped_while_it_waited_never_begins() -> None:
    pulse = Heartbeat()
    pulse.drop((KEY,))
    with pytest.raises(Cancelled):
        pulse.begin(KEY)
    pulse.begin(("a", 2))  # another attempt is another claim
    pulse.tick()


def test_the_beat_tells_the_claim_and_its_steps() -> None:
    pulse = Heartbeat()
    assert pulse.beat().key is None
    pulse.begin(KEY)
    pulse.tick()
    pulse.tick()
    beat = pulse.beat()
    assert (beat.key, beat.steps) == (KEY, 2)
    assert 0 <= beat.quiet_s < 5
    pulse.end()
    assert pulse.beat().key is None


def test_one_thread_works_while_another_asks() -> None:
    pulse = Heartbeat()
    pulse.begin(KEY)
    ended = threading.Event()

    def work() -> None:
        with pytest.raises(Cancelled):
            while True:
                pulse.tick()
        ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    assert pulse.beat().steps >= 0
    pulse.drop((KEY,))
    worker.join(5)
    assert ended.is_set()
