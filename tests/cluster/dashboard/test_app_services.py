"""What the routes of an app work with: made as its folders allow, unchangeable, closed with the app."""

import asyncio
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from giornata.cluster.app import create_app
from giornata.cluster.dashboard.app_services import AppServices, PageContext
from giornata.cluster.service.auth import Access
from giornata.styles.library import Library
from tests.support.services import Place


class Maker:
    """Stands for what makes previews or trials; calls back when it is closed."""

    dropped = 0

    def __init__(self, note: Callable[[], None]) -> None:
        self.close = note


def test_previews_need_a_home_and_trials_a_library_too(place: Place, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for page_context, expected in (
        (PageContext(), (False, False)),
        (PageContext(home=home), (True, False)),
        (PageContext(home=home, library=Library()), (True, True)),
    ):
        app = create_app(place.job_service, access=Access(), page_context=page_context)
        services: AppServices = app.state.services
        assert (services.previews is not None, services.style_trials is not None) == expected
        assert services.page_context is page_context
        services.close()


def test_services_cannot_be_exchanged_under_the_routes(place: Place) -> None:
    services: AppServices = create_app(place.job_service, access=Access()).state.services
    with pytest.raises(FrozenInstanceError):
        services.access = Access()  # type: ignore[misc]


def test_what_makes_previews_and_trials_ends_with_the_app(place: Place) -> None:
    closed: list[str] = []
    app = create_app(place.job_service, access=Access())
    app.state.services = replace(
        app.state.services,
        previews=Maker(lambda: closed.append("previews")),
        style_trials=Maker(lambda: closed.append("trials")),
    )

    async def start_and_end() -> None:
        async with app.router.lifespan_context(app):
            assert closed == []

    asyncio.run(start_and_end())
    assert closed == ["previews", "trials"]
