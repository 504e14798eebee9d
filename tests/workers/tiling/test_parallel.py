import threading
import time

import pytest
import torch

from giornata.workers.tiling.parallel import run_parallel


@pytest.mark.parametrize("lanes", [1, 4])
def test_results_come_in_order_with_one_tick_each(lanes: int) -> None:
    ticks = list[int]()

    def work(number: int) -> int:
        time.sleep(0.01 * (number % 3))
        return number * number

    made = run_parallel(range(9), work, lanes=lanes, tick=lambda: ticks.append(1))
    assert made == [number * number for number in range(9)]
    assert len(ticks) == 9


@pytest.mark.parametrize("lanes", [1, 3])
def test_no_operation_is_split_over_threads(lanes: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        made = run_parallel(range(6), lambda _: torch.get_num_threads(), lanes=lanes, tick=lambda: None)
        assert set(made) == {1}
        if lanes == 1:
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_lanes_work_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=20)
    made = run_parallel(range(3), lambda number: meeting.wait() >= 0, lanes=3, tick=lambda: None)
    assert made == [True] * 3


@pytest.mark.parametrize("lanes", [1, 2])
def test_what_the_work_or_the_tick_raises_ends_the_rest(lanes: int) -> None:
    done = list[int]()

    def work(number: int) -> int:
        if number == 2:
            raise KeyError(number)
        time.sleep(0.01)
        done.append(number)
        return number

    with pytest.raises(KeyError):
        run_parallel(range(200), work, lanes=lanes, tick=lambda: None)
    assert len(done) < 100

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_parallel([0, 1, 3], work, lanes=lanes, tick=stop)
