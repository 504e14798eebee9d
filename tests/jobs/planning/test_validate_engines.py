from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import PlanRefused
from giornata.jobs.planning.validate import check_whole
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "irises", universal=("irises",))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "wave", "levels": 2}, "levels: needed a style of engine universal, wave is of engine feed"),
        ({"name": "wave", "engine": "universal"}, "engine: needed a style of engine universal"),
        ({"name": "irises", "engine": "feedforward"}, "engine: needed a style of engine feedforward"),
        ({"mix": {"wave": 1, "irises": 1}}, "mix of engines feedforward, universal"),
        ({"image": "nobody.jpg"}, "style picture .*nobody.jpg: no such file"),
    ],
)
def test_styles_that_an_engine_cannot_paint_are_refused_by_the_plan(
    tmp_path: Path, spec_of: SpecOf, entry: dict[str, object], words: str
) -> None:
    with pytest.raises(PlanRefused, match=words):
        check_whole(spec_of(styles=[entry]), tmp_path, STYLES)
