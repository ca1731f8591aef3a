"""Clocks and pace: where the time comes from, and how fast requests go."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from billing.errors import SettingsFault
from billing.gateways.clocks import COUNTER, RemoteClock, StoppableClock, SystemClock
from billing.gateways.stripe.send_guard import guarded_send
from tests.client.scripted import ScriptedServer, http
from tests.gateways.scripted import serving
from tests.sandbox.pamela.pamela_world import NOW, World
from tests.waiting import LONGEST_WAIT_SECONDS


def test_the_system_clock_tells_an_aware_time_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=60)


def test_the_system_clock_waits() -> None:
    before = datetime.now(UTC)
    SystemClock().sleep(0.01)
    assert datetime.now(UTC) - before >= timedelta(seconds=0.009)


def test_the_system_clock_counts_what_elapses() -> None:
    clock = SystemClock()
    before = clock.elapsed()
    clock.sleep(0.01)
    assert timedelta(milliseconds=9) <= clock.elapsed() - before < timedelta(seconds=60)


def test_the_system_clock_counts_in_the_machines_own_measure() -> None:
    before = time.clock_gettime_ns(COUNTER)
    elapsed = SystemClock().elapsed() // timedelta(microseconds=1)
    after = time.clock_gettime_ns(COUNTER)
    assert before // 1_000 <= elapsed <= after // 1_000


def test_a_clock_that_may_stop_counts_as_the_one_behind_it() -> None:
    clock = StoppableClock(SystemClock(), threading.Event())
    assert clock.elapsed() - SystemClock().elapsed() <= timedelta()
    assert SystemClock().elapsed() - clock.elapsed() < timedelta(seconds=60)


def test_a_wait_ends_as_soon_as_the_process_is_to_stop() -> None:
    stop = threading.Event()
    clock = StoppableClock(SystemClock(), stop)
    before = clock.now()
    clock.sleep(0.01)
    assert timedelta(milliseconds=9) <= clock.now() - before
    stop.set()
    clock.sleep(60)
    assert clock.now() - before < timedelta(seconds=60)


CLOCK = '{"now": "2026-03-10T12:00:00Z"}'


@pytest.mark.parametrize(("size", "is_read"), [(65_536, True), (65_537, False)])
def test_an_answer_of_a_sandboxs_clock_is_read_up_to_its_bound(
    size: int, is_read: bool
) -> None:
    with serving(lambda _: CLOCK.ljust(size)) as server:
        clock = RemoteClock(server.url)
        try:
            if is_read:
                assert abs(clock.now() - NOW) < timedelta(seconds=60)
            else:
                with pytest.raises(SettingsFault, match="its answer has no end"):
                    clock.now()
        finally:
            clock.close()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: "])
def test_an_answer_of_a_sandboxs_clock_comes_in_time_from_its_first_byte(
    first: bytes,
) -> None:
    def drip(peer: socket.socket) -> None:
        peer.sendall(first)
        while True:
            peer.sendall(b"H")
            time.sleep(0.02)

    with ScriptedServer(drip) as server:
        clock = RemoteClock(server.url)
        clock.TOTAL_SECONDS = 0.3
        before = SystemClock().elapsed()
        with pytest.raises(SettingsFault, match="is the sandbox running"):
            clock.now()
        assert SystemClock().elapsed() - before < timedelta(
            seconds=LONGEST_WAIT_SECONDS
        )
        clock.close()


def test_a_sandboxs_clock_is_asked_directly_whatever_proxies_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(lambda _: CLOCK) as server:
        clock = RemoteClock(server.url)
        assert abs(clock.now() - NOW) < timedelta(seconds=60)
        clock.close()


def test_whoever_asks_whether_to_send_may_ask_a_sandboxs_clock() -> None:
    with serving(lambda _: CLOCK) as server, guarded_send(lambda: False) as guard:
        clock = RemoteClock(server.url)
        assert abs(clock.now() - NOW) < timedelta(seconds=60)
        assert not guard.refused
        clock.close()


@pytest.mark.parametrize("hangs_up_on", [1, 2])
def test_a_clock_that_hangs_up_on_a_request_is_asked_once_more(
    hangs_up_on: int,
) -> None:
    def script(peer: socket.socket) -> None:
        if len(server.requests) == hangs_up_on:
            peer.shutdown(socket.SHUT_RDWR)
        else:
            peer.sendall(http(b'{"now": "2026-03-10T12:00:00+00:00"}'))

    with ScriptedServer(script) as server:
        clock = RemoteClock(server.url)
        clock.FRESH_SECONDS = 0.0
        try:
            for _ in range(2):
                assert clock.now() >= datetime(2026, 3, 10, 12, tzinfo=UTC)
            assert (len(server.requests), server.connections) == (3, 2)
        finally:
            clock.close()


def test_a_clock_that_always_hangs_up_is_asked_twice_and_no_more() -> None:
    with ScriptedServer(lambda peer: peer.shutdown(socket.SHUT_RDWR)) as server:
        clock = RemoteClock(server.url)
        with pytest.raises(SettingsFault, match="is the sandbox running"):
            clock.now()
        clock.close()
        assert len(server.requests) == 2


def test_a_sandboxs_clock_waits() -> None:
    clock = RemoteClock("http://127.0.0.1:1")
    before = datetime.now(UTC)
    clock.sleep(0.01)
    assert datetime.now(UTC) - before >= timedelta(seconds=0.009)
    clock.close()


def test_an_error_of_a_sandboxs_clock_is_no_time() -> None:
    with serving(lambda _: CLOCK, status=500) as server:
        clock = RemoteClock(server.url)
        with pytest.raises(SettingsFault, match="is the sandbox running"):
            clock.now()
        clock.close()


def test_a_move_of_a_sandboxs_clock_has_elapsed(world: World) -> None:
    clock = RemoteClock(f"{world.url}/_sandbox/clock")
    clock.FRESH_SECONDS = 0.0
    try:
        before = clock.elapsed()
        world.advance(days=2)
        moved = clock.elapsed() - before - timedelta(days=2)
        assert abs(moved) < timedelta(seconds=60)
    finally:
        clock.close()


def test_the_clock_of_a_sandbox_is_followed_when_it_moves(world: World) -> None:
    clock = RemoteClock(f"{world.url}/_sandbox/clock")
    clock.FRESH_SECONDS = 0.0
    try:
        assert abs(clock.now() - NOW) < timedelta(seconds=60)
        world.advance(days=40)
        assert abs(clock.now() - NOW - timedelta(days=40)) < timedelta(seconds=60)
        assert clock.now().tzinfo is UTC
    finally:
        clock.close()


def test_the_clock_of_a_sandbox_is_not_asked_every_time(world: World) -> None:
    clock = RemoteClock(f"{world.url}/_sandbox/clock")
    try:
        first = clock.now()
        world.advance(days=1)
        assert timedelta() <= clock.now() - first < timedelta(hours=1)
    finally:
        clock.close()


@pytest.mark.parametrize("where", ["{url}/_sandbox/nothing", "http://127.0.0.1:1/"])
def test_an_address_that_gives_no_time_is_a_fault_of_the_settings(
    world: World, where: str
) -> None:
    clock = RemoteClock(where.format(url=world.url))
    with pytest.raises(SettingsFault, match="is the sandbox running"):
        clock.now()
    clock.close()
