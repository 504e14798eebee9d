from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from giornata.jobs.spec.job import JobSpec


def test_a_spec_survives_json(spec_of: Callable[..., JobSpec]) -> None:
    spec = spec_of(outputs=[{"size": [10, 20]}, {"size": 5, "suffix": "s"}], policy={"max_failed": "10%"})
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_cannot_be_changed(spec_of: Callable[..., JobSpec]) -> None:
    with pytest.raises(ValidationError):
        spec_of().name = "winter"  # type: ignore[misc]


def test_the_digest_follows_spec_and_folder(spec_of: Callable[..., JobSpec], tmp_path: Path) -> None:
    base, other = tmp_path, tmp_path / "other"
    assert spec_of().digest(base=base) == spec_of().digest(base=base)
    digests = {spec_of().digest(base=base), spec_of().digest(base=other), spec_of(name="b").digest(base=base)}
    assert len(digests) == 3
