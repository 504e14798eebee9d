"""Routes to sign in with a token and to sign out again."""

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from giornata.cluster.dashboard.app_services import ServicesDep
from giornata.cluster.dashboard.templating import render_page
from giornata.cluster.service.auth import COOKIE, LASTS_S, SignedIn
from giornata.cluster.service.problems import JsonText, problem
from giornata.cluster.service.schemas.base import View

router = APIRouter(include_in_schema=False)
TRIES, PER_S = 30, 60.0  # wrong tokens from anywhere


class SignIn(View):
    """A token somebody typed."""

    token: Annotated[str, Field(max_length=500)]


@router.get("/login")
def login(request: Request, next: Annotated[str, Query(max_length=2000)] = "/") -> Response:
    """Ask for a token."""
    return render_page(request, "login.html", next=inside(next))


@router.post("/login")
def sign_in(order: SignIn, request: Request, services: ServicesDep) -> Response:
    """A cookie for a token that somebody has."""
    if services.sign_ins.is_exhausted():
        return problem(429, "too_many_tries", "too many wrong tokens, needed a minute's patience")
    cookie = services.access.sign_in(order.token.strip(), now=time.time())
    if cookie is None:
        services.sign_ins.count()
        return problem(401, "unauthorized", "nobody has this token")
    answer = JsonText({"signed_in": True})
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(LASTS_S),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )
    return answer


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """Forget the cookie."""
    answer = JsonText({"signed_in": False})
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
    return answer


@router.get("/session")
def session(request: Request) -> Response:
    """Who asks, and what changes have to bring: for a page that outlived its service."""
    signed_in: SignedIn | None = getattr(request.state, "signed_in", None)
    if signed_in is None:
        return problem(401, "unauthorized", "not signed in with a browser")
    return JsonText(
        {"name": signed_in.person.name, "role": str(signed_in.person.role), "csrf": signed_in.csrf}
    )


def inside(next: str) -> str:
    """A path of this service to go on to; anything else leads to the front page."""
    return next if next.startswith("/") and not next.startswith(("//", "/\\")) else "/"
