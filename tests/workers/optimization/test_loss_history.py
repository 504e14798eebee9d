from pathlib import Path

import numpy as np
import pytest

from giornata.jobs.maintenance.gc import PICTURES
from giornata.workers.optimization.loss_history import (
    HISTORY,
    WORK,
    LossHistory,
    ScaleHistory,
    history_at,
    history_fact,
    history_from,
    live_picture,
    read_history,
)


def curve(*at: int) -> ScaleHistory:
    falling = tuple(1 / (1 + step) for step in at)
    return ScaleHistory(
        width=30, height=20, steps=9, at=at, total=falling, content=falling, style=falling, variation=falling
    )


COURSE = LossHistory(scales=2, curves=(curve(0, 9), curve(0, 3)), step_s=0.5, left_s=3.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a picture whose optimisation is at its second scale."""
    made = tmp_path / PICTURES / "abc-1"
    (made / WORK / "scale-01").mkdir(parents=True)
    (made / WORK / HISTORY).write_text(COURSE.model_dump_json())
    return made


def test_the_scale_at_work_is_the_last_one(folder: Path) -> None:
    course = read_history(folder)
    assert course == COURSE
    assert course.now.step == 3
    assert course.now.loss == dict.fromkeys(("total", "content", "style", "variation"), 0.25)
    assert (curve().step, curve().loss) == (0, {})


def test_an_item_is_found_on_this_machine_by_its_id(folder: Path, tmp_path: Path) -> None:
    assert history_at(tmp_path, "abc") == (folder, COURSE)
    assert history_at(tmp_path, "ab") is None
    assert history_at(tmp_path, "../abc") is None
    assert history_at(None, "abc") is None


def test_a_fact_of_a_picture_says_the_course_and_no_time(folder: Path) -> None:
    told = history_from(history_fact(folder))
    assert told == COURSE.model_copy(update={"step_s": None, "left_s": None})
    assert history_from({}) is None
    assert history_from({"course": "{"}) is None


@pytest.mark.parametrize("text", ["", "{", '{"scales": 1, "curves": []}', '{"scales": 1}'])
def test_what_has_not_begun_or_was_cut_off_has_no_course(folder: Path, text: str) -> None:
    (folder / WORK / HISTORY).write_text(text)
    assert read_history(folder) is None
    assert history_fact(folder) == {}
    assert live_picture(folder, 10) is None


def test_the_picture_as_it_is_now_is_shown_small_and_without_padding(folder: Path) -> None:
    assert live_picture(folder, 10) is None
    pixels = np.zeros((24, 32, 3), np.float32)
    pixels[:20, :30] = (1.5, 0.5, -1)
    np.save(folder / WORK / "scale-01" / "picture.npy", pixels)
    shown = live_picture(folder, 10)
    assert shown is not None
    assert shown.size == (10, 7)
    assert shown.getcolors() == [(70, (255, 128, 0))]
    whole = live_picture(folder, 100)
    assert whole is not None
    assert whole.size == (30, 20)
