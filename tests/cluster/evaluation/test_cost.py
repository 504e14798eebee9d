import sys
import time

import numpy as np
import pytest

from giornata.cluster.evaluation.cost import measured
from giornata.styles.evaluation.metrics import Image


def test_work_takes_processor_time_and_waiting_does_not() -> None:
    def work() -> Image:
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
        return np.zeros((2, 2, 3), np.float32)

    def wait() -> Image:
        time.sleep(0.1)
        return np.ones((2, 2, 3), np.float32)

    image, busy = measured(work)
    other, idle = measured(wait)
    assert (image.max(), other.min()) == (0, 1)
    assert busy.cpu_s >= 0.1 > idle.cpu_s


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_that_was_given_back_counts_at_its_peak() -> None:
    def paint() -> Image:
        large = np.ones(100 << 20, np.uint8)
        return np.full((2, 2, 3), large[-1], np.float32)

    _, cost = measured(paint)
    if cost.peak_mb is None:
        pytest.skip("this system does not reset the peak")
    assert 90 < cost.peak_mb < 150
    _, small = measured(lambda: np.zeros((2, 2, 3), np.float32))
    assert small.peak_mb is not None
    assert small.peak_mb < 20
