"""Webhooks are signed, tried again, written down, and do not reach what is not public."""

import base64
import hashlib
import hmac
import ipaddress
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from giornata.cluster.errors import TargetForbidden, UnsafeService
from giornata.cluster.service.webhooks import Outbox, TargetRule, is_public, signed
from giornata.jobs.model.states import JobEvent
from tests.support.services import Place

KEY = b"a key of some length"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
AGAIN_AT_ONCE = (0.0, 0.0, 0.0, 0.0)


class Receiver(HTTPServer):
    """Remembers what is posted to it, and answers with the statuses it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.posts: list[tuple[str, dict[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?key=known-to-its-owner"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.posts.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        if status == 302:
            self.send_header("location", "http://127.0.0.1:9/")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def finished(place: Place, url: str, **more: object) -> str:
    job_id = place.listed(notify=[{"url": url, **more}])
    place.store.jobs.move(job_id, JobEvent.START)
    place.store.jobs.move(job_id, JobEvent.COMPLETE_WITH_FAILURES)
    return job_id


def outbox(place: Place, *allowed: str, secret: str = SECRET) -> Outbox:
    return Outbox(
        place.store, secret=secret, rule=TargetRule.allowing(allowed), again_s=AGAIN_AT_ONCE, look_s=0.05
    )


def webhook_events(place: Place) -> list[str]:
    return [event.detail for event in place.store.events.page(kinds=["webhook"])]


def test_the_end_of_a_job_is_posted_once_with_a_signature_that_holds(
    place: Place, receiver: Receiver
) -> None:
    job_id = finished(place, receiver.url)
    sender = outbox(place, "127.0.0.1")
    assert (sender.collect(), sender.post_due()) == (1, 1)
    assert (sender.collect(), sender.post_due()) == (0, 0)
    [(path, headers, body)] = receiver.posts
    assert path == "/hook?key=known-to-its-owner"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
    expected = base64.b64encode(hmac.new(KEY, content.encode(), hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(body)["type"] == "job.finished"
    assert json.loads(body)["data"]["job_id"] == job_id
    assert webhook_events(place) == ["finished to 127.0.0.1: status 204, sent"]


def test_the_scheme_is_that_of_the_standards_own_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', key, at_s=1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_that_fails_is_tried_again_with_the_same_id(place: Place, receiver: Receiver) -> None:
    finished(place, receiver.url)
    receiver.statuses = [500, 302]
    sender = outbox(place, "127.0.0.1")
    sender.collect()
    while sender.post_due():
        pass
    assert len(receiver.posts) == 3
    assert len({headers["webhook-id"] for _, headers, _ in receiver.posts}) == 1
    assert [words.rsplit(", ", 1)[1] for words in webhook_events(place)] == [
        "again in 0 s",
        "again in 0 s",
        "sent",
    ]


def test_five_tries_are_enough_and_one_is_when_the_receiver_is_gone(place: Place, receiver: Receiver) -> None:
    finished(place, receiver.url)
    receiver.statuses = [503] * 9
    sender = outbox(place, "127.0.0.1")
    sender.collect()
    while sender.post_due():
        pass
    assert len(receiver.posts) == 5
    assert webhook_events(place)[-1].endswith("status 503, given up")
    finished(place, receiver.url)
    receiver.statuses = [410]
    sender.collect()
    while sender.post_due():
        pass
    assert len(receiver.posts) == 6


def test_only_what_was_asked_for_is_told(place: Place, receiver: Receiver) -> None:
    finished(place, receiver.url, on=["failed", "paused"])
    assert outbox(place, "127.0.0.1").collect() == 0
    job_id = place.listed(name="bad", destination="bad", notify=[{"url": receiver.url, "on": ["paused"]}])
    place.store.jobs.move(job_id, JobEvent.START)
    place.store.jobs.move(job_id, JobEvent.CANARY, reason="look at them")
    assert outbox(place, "127.0.0.1").collect() == 1


def test_nothing_is_sent_to_a_private_place_or_without_a_secret(place: Place, receiver: Receiver) -> None:
    finished(place, receiver.url)
    for sender, reason in (
        (outbox(place), "not public"),
        (outbox(place, secret=""), "GIORNATA_WEBHOOK_SECRET"),
    ):
        sender.collect()
        sender.post_due()
        assert reason in webhook_events(place)[-1]
        assert webhook_events(place)[-1].endswith("given up")
        finished(place, receiver.url)
    assert receiver.posts == []
    assert not any("known-to-its-owner" in words for words in webhook_events(place))


def test_it_works_in_its_own_thread_and_ends_when_told(place: Place, receiver: Receiver) -> None:
    sender = outbox(place, "localhost", "127.0.0.1")
    sender.start()
    finished(place, receiver.url.replace("127.0.0.1", "localhost"))
    while not webhook_events(place):
        threading.Event().wait(0.02)
    sender.end()
    assert not sender.is_alive()
    [(_, headers, _)] = receiver.posts
    assert headers["host"] == f"localhost:{receiver.server_port}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:a00:1::", "64:ff9b::7f00:1", "2001:db8::1",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(TargetForbidden):
        TargetRule().choose("example.org", ["93.184.216.34", address])


def test_public_addresses_and_allowed_ones_are_taken() -> None:
    assert TargetRule().choose("example.org", ["93.184.216.34"]) == "93.184.216.34"
    assert TargetRule.allowing(["10.0.0.0/8"]).choose("inside", ["10.1.2.3"]) == "10.1.2.3"
    assert TargetRule.allowing(["Inside.example"]).choose("inside.example", ["10.1.2.3"]) == "10.1.2.3"
    with pytest.raises(TargetForbidden):
        TargetRule.allowing(["10.0.0.0/8"]).choose("inside", ["192.168.0.1"])
    with pytest.raises(UnsafeService):
        TargetRule.allowing(["10.0.0.0/99"])
