from pathlib import Path

import numpy as np
import pytest

from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.source import Depth, RejectCode, SourceFacts, Verdict
from tests.workers.pictures import image, noise


@pytest.fixture
def facts(sandbox: Sandbox, tmp_path: Path) -> SourceFacts:
    image(noise(width=7, height=5)).pngsave(tmp_path / "a.png")
    return sandbox.inspect(tmp_path / "a.png")


def test_a_verdict_is_one_word(facts: SourceFacts) -> None:
    assert Verdict(source="a.png", facts=facts).word == "ok"
    doubtful = facts.model_copy(update={"warnings": ("a careless tag",)})
    assert Verdict(source="a.png", facts=doubtful).word == "ok_with_warnings"
    assert Verdict(source="a.png", code=RejectCode.BOMB, reason="x").word == "rejected:bomb"


def test_facts_count_pixels_and_survive_json(facts: SourceFacts) -> None:
    assert facts.pixels == 35
    assert SourceFacts.model_validate_json(facts.model_dump_json()) == facts


@pytest.mark.parametrize("depth", Depth)
def test_a_depth_has_the_bytes_of_numpys_type_of_that_name(depth: Depth) -> None:
    assert np.dtype(depth.value).itemsize == depth.bytes
