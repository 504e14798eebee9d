"""What tests of an evaluation share."""

import pytest

from tests.cluster.evaluation.tiny_set import TinySet, tiny_set


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinySet:
    """Photographs, paintings, judging networks and teachers, all tiny."""
    return tiny_set(tmp_path_factory.mktemp("evaluation"))
