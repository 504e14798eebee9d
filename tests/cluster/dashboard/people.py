"""People with tokens, and a browser that signs one of them in."""

import httpx

from giornata.cluster.service.auth import CSRF_HEADER, AccessRole, Person

ANNA, VIC = "a-token-of-annas", "a-token-of-vics-"
PEOPLE = [(ANNA, Person("anna", AccessRole.OPERATOR)), (VIC, Person("vic", AccessRole.VIEWER))]

HTML = {"accept": "text/html"}

NASTY = "<script>alert(1)</script>"


def signed_in(url: str, token: str) -> tuple[httpx.Client, dict[str, str]]:
    http = httpx.Client(base_url=url, headers=HTML)
    assert http.post("/login", json={"token": token}).is_success
    return http, {CSRF_HEADER: http.get("/session").json()["csrf"], "sec-fetch-site": "same-origin"}
