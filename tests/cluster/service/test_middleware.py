import socket

import httpx

from giornata.cluster.service.schemas.base import Role
from tests.support.services import Place, serving


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_page_elsewhere_can_neither_ask_nor_be_taken_for_this_service(url: str) -> None:
    with httpx.Client(base_url=f"{url}/api") as http:
        assert code(http.get("/jobs", headers={"host": "evil.example:8765"})) == (421, "wrong_host")
        assert http.get("/jobs", headers={"host": "LocalHost:1"}).status_code == 200
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert code(http.post("/recover", content="a=b", headers=form)) == (415, "not_json")
        assert (
            code(http.post("/recover", content='{"a": 1}', headers={"content-type": "text/plain"}))[0] == 415
        )
        assert code(http.post("/recover"))[0] == 415
        assert "access-control-allow-origin" not in http.get("/jobs", headers={"origin": "http://x"}).headers


def test_a_body_is_bounded_whether_it_says_its_size_or_not(place: Place) -> None:
    with serving(place.job_service, body_bytes=1000) as url, httpx.Client(base_url=f"{url}/api") as http:
        kind = {"content-type": "application/json"}
        assert code(http.post("/jobs", content=b" " * 1001, headers=kind)) == (413, "too_large")
        streamed = http.post("/jobs", content=(b" " * 100 for _ in range(11)), headers=kind)
        assert code(streamed) == (413, "too_large")
        assert code(http.post("/jobs", content=b"[" * 900, headers=kind))[0] in (400, 422)
        assert code(http.post("/jobs", content=b'{"spec": "\\ud800"}', headers=kind)) == (422, "bad_spec")


def test_a_standby_says_so_and_does_nothing_else(place: Place) -> None:
    job_service = type(place.job_service)(**{**vars(place.job_service), "role": lambda: Role.STANDBY})
    with serving(job_service) as url, httpx.Client(base_url=f"{url}/api") as http:
        assert http.get("/health").json()["role"] == "standby"
        assert code(http.get("/jobs")) == (503, "standby")


def test_a_standby_answers_browsers_with_a_page_that_looks_again(place: Place) -> None:
    job_service = type(place.job_service)(**{**vars(place.job_service), "role": lambda: Role.STANDBY})
    with serving(job_service) as url:
        for path in ("/", "/jobs/any", "/styles"):
            page = httpx.get(f"{url}{path}", headers={"accept": "text/html"})
            assert page.status_code == 503
            assert page.headers["content-type"].startswith("text/html")
            assert page.headers["refresh"]
            assert "stands by for the one that manages these batches" in page.text
            assert "<nav" not in page.text
        assert code(httpx.get(f"{url}/", headers={"accept": "application/json"})) == (503, "standby")


def test_headers_without_an_end_are_cut_off(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"GET /api/jobs HTTP/1.1\r\n" + b"x: " + b"y" * 100_000)
        assert b" 400 " in raw.recv(1000)
