"""What goes in and what comes out, format by format, as a table that is published.

`GIORNATA_REWRITE=1 python -m pytest tests/workers/test_round_trip.py` writes it anew, for a change that is
meant.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from giornata.jobs.model.task import RenderTask
from giornata.workers.decoding.options import DecodeOptions
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from tests.workers.round_trip import SOURCES, Seen, Source, picture_in, row, table

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
PUBLISHED = (ROOT / "docs" / "formats.md",)
START, END = "<!-- table: written by tests/workers/test_round_trip.py -->\n", "<!-- end of table -->"


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Renderer]:
    made = Renderer(RenderSettings(scratch=tmp_path_factory.mktemp("scratch")))
    yield made
    made.close()


def sent(renderer: Renderer, source: Source, folder: Path) -> tuple[str, ...]:
    """One source through the whole pipeline with a style that leaves the pixels alone, and what came out."""
    path, target = folder / "source", folder / "target"
    source.make(path)
    plain = {"item_id": "i", "source": str(path), "target": str(target), "style_label": "s"}
    task = RenderTask.model_validate(plain | {"mix": {"udnie": 1.0}, "blend": 0.0, **source.asked})
    renderer.render(task, target)
    reading = DecodeOptions.of(task, limits=renderer.context.settings.limits)
    looked = [
        renderer.context.sandbox.decode(one, folder / f"seen {number}", reading)
        for number, one in enumerate((path, picture_in(target)))
    ]
    before, after = (Seen(working.facts, working) for working in looked)
    return row(source.name, before, after, format=str(source.asked["format"]))


@pytest.fixture(scope="module")
def rows(renderer: Renderer, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    return [sent(renderer, source, tmp_path_factory.mktemp("trip")) for source in SOURCES]


@pytest.mark.parametrize("page", PUBLISHED, ids=lambda page: page.name)
def test_the_published_table_is_what_happens(rows: list[tuple[str, ...]], page: Path) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    published, _, after = rest.partition(END)
    found = table(rows)
    if os.environ.get("GIORNATA_REWRITE"):
        page.write_text(before + START + found + END + after, encoding="utf-8")
        return
    assert found.splitlines() == published.splitlines(), "if the change is meant, rewrite it: see above"


def test_nothing_is_lost_on_the_way(rows: list[tuple[str, ...]]) -> None:
    assert not [line for line in rows if {"lost", "changed"} & set(line)]
