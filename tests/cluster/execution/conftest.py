"""One shop and one pool for the tests of a module."""

from collections.abc import Iterator

import pytest

from giornata.cluster.batch.session import actor_factory
from giornata.cluster.execution.pool import Pool
from giornata.cluster.settings import ClusterSettings
from tests.cluster.execution.shops import Shop, small_library


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    home = folder / "home"
    settings = ClusterSettings(workers=3, home=home, scratch=home / "scratch")
    return Shop(folder, small_library(folder / "library"), settings)


@pytest.fixture(scope="module")
def pool(embedded_ray: object, shop: Shop) -> Iterator[Pool]:
    scratch = shop.settings.scratch
    scratch.mkdir(parents=True)
    factory = actor_factory(shop.settings, scratch, (shop.library,))
    with Pool(factory, 3, call_timeout_s=120) as started:
        assert started.warm_up(120) == 3
        yield started
