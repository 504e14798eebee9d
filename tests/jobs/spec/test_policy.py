from collections.abc import Callable

import pytest

from giornata.jobs.spec.job import JobSpec


@pytest.mark.parametrize(("given", "allowed"), [(None, None), (3, 3), ("10%", 20), ("0%", 0), ("12.5 %", 25)])
def test_max_failed_is_a_count_or_a_share(
    spec_of: Callable[..., JobSpec], given: int | str | None, allowed: int | None
) -> None:
    assert spec_of(policy={"max_failed": given}).policy.allowed_failures(200) == allowed
