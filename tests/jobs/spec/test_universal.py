"""Styles of the universal engine in specs and tasks."""

from collections.abc import Callable

import pytest

from giornata.jobs.errors import BadSpec
from giornata.jobs.spec.job import JobSpec

SpecOf = Callable[..., JobSpec]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"image": "a.jpg", "levels": 0}, "from 1 .colours. to 5"),
        ({"image": "a.jpg", "levels": 6}, "from 1 .colours. to 5"),
        ({"image": "a.jpg", "structure": 1.5}, "from 0 to 1"),
        ({"image": "a.jpg", "transform": "magic"}, "transport, whiten, moments"),
        ({"image": "a.jpg", "steps": 9, "levels": 3}, "levels is for engine universal"),
        ({"name": "wave", "engine": "feedforward", "levels": 3}, "levels is for engine universal"),
        ({"name": "wave", "style_size": 512}, "style_size is for images"),
        ({"image": "a.jpg", "engine": "universal", "optimise": {"beta": 3}}, "optimise is for engine"),
        ({"images": [{"path": "a.jpg", "mask": "m.png"}]}, "needed regions with styles by name"),
        ({"image": "a.jpg", "images": ["b.jpg"]}, "exactly one of name, mix, image and images"),
        (
            {"image": "a.jpg", "steps": 3, "regions": [{"mask": "m.png", "name": "wave"}]},
            "regions are for other engines",
        ),
    ],
)
def test_what_does_not_fit_an_engine_is_refused(
    spec_of: SpecOf, entry: dict[str, object], words: str
) -> None:
    with pytest.raises(BadSpec, match=words):
        spec_of(styles=[entry])
