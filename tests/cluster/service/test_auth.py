"""Who may ask: tokens, roles, hosts, kinds and sizes, checked on a real server."""

import json
import os
from pathlib import Path

import httpx
import pytest

from giornata.cluster.errors import UnsafeService
from giornata.cluster.service.auth import (
    Access,
    AccessRole,
    Person,
    choose_access,
    client_token,
    is_loopback,
    read_tokens,
)
from tests.support.services import Place, serving

ANNA, VIC = "a-token-of-annas", "a-token-of-vics-"
PEOPLE = [(ANNA, Person("anna", AccessRole.OPERATOR)), (VIC, Person("vic", AccessRole.VIEWER))]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_token_names_the_owner_and_its_role_what_may_be_done(place: Place) -> None:
    with (
        serving(place.job_service, access=Access(PEOPLE)) as url,
        httpx.Client(base_url=f"{url}/api") as http,
    ):
        order = {"spec": place.spec().model_dump(mode="json"), "base": str(place.root)}
        assert code(http.get("/jobs")) == (401, "unauthorized")
        assert code(http.get("/jobs", headers=bearer(ANNA[:-1]))) == (401, "unauthorized")
        assert code(http.get("/jobs", headers={"authorization": f"Basic {ANNA}"})) == (401, "unauthorized")
        assert code(http.post("/jobs", json=order, headers=bearer(VIC))) == (403, "forbidden")
        made = http.post("/jobs", json=order, headers=bearer(ANNA))
        assert (made.status_code, made.json()["job"]["owner"]) == (201, "anna")
        assert http.get("/jobs", headers=bearer(VIC)).status_code == 200
        assert http.get("/health").status_code == 200
        assert code(http.get("/openapi.json")) == (401, "unauthorized")
    assert [event.actor for event in place.store.events.page(kinds=["create"])] == ["anna"]


def test_only_loopback_goes_without_tokens(tmp_path: Path) -> None:
    assert not choose_access("127.0.0.1", environment={}).needs_token
    assert not choose_access("::1", environment={}).needs_token
    for host in ("0.0.0.0", "::", "192.168.1.4", "render.example"):  # noqa: S104
        with pytest.raises(UnsafeService, match="needed --token-file or GIORNATA_TOKEN"):
            choose_access(host, environment={})
    tokens = private(tmp_path / "tokens", f"anna:operator:{ANNA}\n")
    assert choose_access("0.0.0.0", token_file=tokens, environment={}).needs_token  # noqa: S104
    assert choose_access("127.0.0.1", environment={"GIORNATA_VIEW_TOKEN": VIC}).needs_token
    assert [is_loopback(host) for host in ("localhost", "127.8.8.8", "example.org")] == [True, True, False]


def test_hosts_are_known_by_name() -> None:
    access = choose_access("127.0.0.1", allow_hosts=["Render.Example"], environment={})
    assert access.knows_host("render.example:8765")
    assert access.knows_host("[::1]:8765")
    assert not access.knows_host("")
    assert not access.knows_host("127.0.0.1.evil.example")


@pytest.mark.parametrize(
    "text",
    [
        f"# who\nanna:operator:{ANNA}\nvic:viewer:{VIC}\n",
        json.dumps([{"name": "anna", "role": "operator", "token": ANNA}, f"vic:viewer:{VIC}"]),
        f"tokens:\n- {{name: anna, role: operator, token: {ANNA}}}\n- vic:viewer:{VIC}\n",
    ],
    ids=["lines", "json", "yaml"],
)
def test_a_token_file_has_three_forms(tmp_path: Path, text: str) -> None:
    assert read_tokens(private(tmp_path / "tokens", text)) == PEOPLE


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (f"anna:operator:{ANNA}", 0o640, "chmod 600"),
        (f"anna:king:{ANNA}", 0o600, "viewer, operator"),
        ("anna:operator:secret-0", 0o600, "at least 16"),
        (f"an na:operator:{ANNA}", 0o600, "needed a name"),
        (f"anna-{ANNA}", 0o600, "name, role and token"),
        ("", 0o600, "no token"),
    ],
)
def test_a_bad_token_file_is_refused_without_quoting_it(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(UnsafeService, match=words) as refused:
        read_tokens(path)
    assert ANNA not in str(refused.value)
    assert "secret-0" not in str(refused.value)
    with pytest.raises(UnsafeService):
        read_tokens(tmp_path / "nowhere")


def test_a_client_finds_its_token(tmp_path: Path) -> None:
    assert client_token(None, {}) is None
    assert client_token(None, {"GIORNATA_TOKEN": ANNA}) == ANNA
    assert client_token(private(tmp_path / "one", ANNA + "\n"), {}) == ANNA
    assert client_token(private(tmp_path / "two", f"vic:viewer:{VIC}\n"), {}) == VIC
    assert os.environ.get("GIORNATA_TOKEN") is None
