"""Faults over real HTTP: what a client sees, and whether the work was done."""

import asyncio
import socket
import time
from datetime import UTC, datetime

import pytest
import requests
from fastapi import FastAPI, Request, Response
from starlette.types import Message

from billing.sandbox.clock import SandboxClock
from billing.sandbox.fault_injection import Cuttable, answer
from billing.sandbox.faults import Fault, FaultKind, Faults
from tests.sandbox.conftest import Serve

NOW = datetime(2026, 3, 10, tzinfo=UTC)
NAME = "test.things.get"


class Thing:
    """An endpoint that counts how often its work was done."""

    def __init__(self) -> None:
        self.done = 0
        self.faults = Faults()
        self.app = FastAPI()
        self.app.add_route("/thing", self.get)
        self.app.add_route("/thing", self.put, methods=["PUT"])

    async def get(self, request: Request) -> Response:
        clock = SandboxClock(NOW)
        return await answer(
            request, NAME, self.faults, clock, work=self.work, refuse=self.refuse
        )

    async def put(self, request: Request) -> Response:
        return Response(await request.body())

    async def work(self) -> Response:
        self.done += 1
        return Response(b'{"thing": 1234}', media_type="application/json")

    def refuse(self, fault: Fault) -> Response:
        return Response(fault.detail, status_code=418)


@pytest.fixture
def thing() -> Thing:
    return Thing()


def get(thing: Thing, serve: Serve, *faults: Fault) -> requests.Response:
    thing.faults.replace_all(list(faults))
    url = serve(thing.app) + "/thing"
    return requests.get(url, timeout=10, allow_redirects=False)


def test_without_faults_the_work_is_answered(thing: Thing, serve: Serve) -> None:
    other_endpoint = Fault(kind=FaultKind.ERROR_500, endpoint="test.other.get")
    assert get(thing, serve, other_endpoint).json() == {"thing": 1234}
    assert thing.done == 1


@pytest.mark.parametrize(
    ("kind", "done"), [(FaultKind.DROP_BEFORE, 0), (FaultKind.DROP_AFTER, 1)]
)
def test_a_cut_connection_is_closed_without_an_answer_or_a_word(
    thing: Thing,
    serve: Serve,
    capfd: pytest.CaptureFixture[str],
    kind: FaultKind,
    done: int,
) -> None:
    with pytest.raises(requests.ConnectionError):
        get(thing, serve, Fault(kind=kind, endpoint=NAME, count=1))
    assert thing.done == done
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_the_server_answers_on_after_a_cut(thing: Thing, serve: Serve) -> None:
    thing.faults.replace_all([Fault(kind=FaultKind.DROP_AFTER, endpoint=NAME, count=1)])
    url = serve(thing.app) + "/thing"
    with requests.Session() as session:
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=10)
        assert session.get(url, timeout=10).status_code == 200
    assert thing.done == 2


def test_in_process_a_cut_is_a_reset(thing: Thing) -> None:
    scope = {"type": "http", "method": "GET", "path": "/thing", "headers": []}
    thing.faults.replace_all([Fault(kind=FaultKind.DROP_BEFORE, endpoint=NAME)])

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        """Nobody listens."""

    with pytest.raises(ConnectionResetError):
        asyncio.run(Cuttable(thing.app)(scope, receive, send))


@pytest.mark.parametrize(
    ("kind", "status", "done"),
    [
        (FaultKind.ERROR_500, 418, 0),
        (FaultKind.ERROR_500_AFTER, 418, 1),
        (FaultKind.STORED_500, 418, 0),
        (FaultKind.ERROR_503, 418, 0),
        (FaultKind.RATE_LIMIT, 418, 0),
        (FaultKind.LOCK_TIMEOUT, 418, 0),
        (FaultKind.UNAUTHORIZED, 418, 0),
        (FaultKind.FORBIDDEN, 418, 0),
        (FaultKind.HTML, 200, 0),
        (FaultKind.REDIRECT, 302, 0),
        (FaultKind.MALFORMED, 200, 1),
        (FaultKind.HUGE, 200, 1),
        (FaultKind.LATENCY, 200, 1),
    ],
)
def test_a_fault_says_whether_the_work_is_done(
    thing: Thing, serve: Serve, kind: FaultKind, status: int, done: int
) -> None:
    detail = "https://example.com/login" if kind is FaultKind.REDIRECT else "70000"
    detail = "1" if kind is FaultKind.LATENCY else detail
    seen = get(thing, serve, Fault(kind=kind, endpoint=NAME, detail=detail))
    assert (seen.status_code, thing.done) == (status, done)


def test_a_web_page_comes_where_json_is_due(thing: Thing, serve: Serve) -> None:
    seen = get(thing, serve, Fault(kind=FaultKind.HTML))
    assert seen.headers["Content-Type"].startswith("text/html")
    assert seen.text.startswith("<!doctype html>")


def test_malformed_json_ends_in_the_middle(thing: Thing, serve: Serve) -> None:
    seen = get(thing, serve, Fault(kind=FaultKind.MALFORMED))
    assert seen.text == '{"thing'
    assert seen.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("size", [5, 70_000, 300_000])
def test_a_huge_answer_has_its_size(thing: Thing, serve: Serve, size: int) -> None:
    seen = get(thing, serve, Fault(kind=FaultKind.HUGE, detail=str(size)))
    assert len(seen.content) == size
    assert seen.content.startswith(b'{"dat')


def test_a_client_may_hang_up_on_a_huge_answer(thing: Thing, serve: Serve) -> None:
    thing.faults.replace_all([Fault(kind=FaultKind.HUGE, count=1)])
    url = serve(thing.app) + "/thing"
    with requests.get(url, timeout=10, stream=True) as seen:
        assert len(seen.raw.read(100_000)) == 100_000
    assert requests.get(url, timeout=10).status_code == 200


def test_a_client_that_dies_in_its_request_leaves_no_traceback(
    thing: Thing, serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    url = serve(thing.app)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"PUT /thing HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
    assert requests.put(f"{url}/thing", data=b"abc", timeout=10).content == b"abc"
    assert capfd.readouterr().err == ""


def test_a_redirect_names_its_target(thing: Thing, serve: Serve) -> None:
    seen = get(thing, serve, Fault(kind=FaultKind.REDIRECT, detail="http://10.0.0.1/"))
    assert seen.headers["Location"] == "http://10.0.0.1/"


def test_a_late_answer_is_a_right_one(thing: Thing, serve: Serve) -> None:
    started = time.monotonic()
    seen = get(
        thing,
        serve,
        Fault(kind=FaultKind.LATENCY, detail="120"),
        Fault(kind=FaultKind.ERROR_503, detail="busy"),
    )
    assert time.monotonic() - started >= 0.12
    assert seen.text == "busy"
