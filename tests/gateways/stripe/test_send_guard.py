"""The send guard: the check right before a request is written, and what never left."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.domain.request_rates import Rates
from billing.errors import LedgerFault
from billing.gateways.patience import Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.meter import StripeMeter
from billing.gateways.stripe.send_guard import GuardedConnection, HeldBack, guarded_send
from tests.gateways.scripted import EVENT, go, meter_at, serving, stay, taken
from tests.waiting import wait_until

Act = Callable[[StripeMeter, Callable[[], bool]], SendAnswer]


def send(
    meter: StripeMeter, may_send: Callable[[], bool], key: str = "k"
) -> SendAnswer:
    return meter.send(EVENT, key, may_send)


def cancel(meter: StripeMeter, may_send: Callable[[], bool]) -> SendAnswer:
    return meter.cancel(EVENT, "k", may_send)


ACTS = pytest.mark.parametrize("act", [send, cancel])


@ACTS
def test_a_request_that_may_not_go_is_not_written(act: Act) -> None:
    with serving(taken) as server, meter_at(server.url) as meter:
        answer = act(meter, stay)
        assert answer.verdict is SendVerdict.UNSENT
        assert not answer.counted
        assert not answer.transient
        wait_until(lambda: server.received, [b""])
        assert server.requests == []


@ACTS
def test_the_check_comes_after_connecting(act: Act) -> None:
    with serving(taken) as server, meter_at(server.url) as meter:
        received_by_then: list[list[bytes]] = []

        def may_send() -> bool:
            wait_until(lambda: len(server.received), 1)
            received_by_then.append(list(server.received))
            return True

        assert act(meter, may_send).http_status == 200
        assert received_by_then[0] == [b""]


@ACTS
def test_the_check_holds_for_a_connection_that_is_used_again(act: Act) -> None:
    with serving(taken) as server, meter_at(server.url) as meter:
        send(meter, go)
        (first,) = server.received
        assert act(meter, stay).verdict is SendVerdict.UNSENT
        assert server.received == [first]
        assert act(meter, go).http_status == 200
        # The connection that was open when it was refused is not used again.
        assert len(server.received) == 2


@ACTS
def test_the_check_is_made_once_for_head_and_body(act: Act) -> None:
    checks: list[int] = []
    with serving(taken) as server, meter_at(server.url) as meter:

        def may_send() -> bool:
            checks.append(len(server.requests))
            return True

        for _ in range(3):
            assert act(meter, may_send).http_status == 200
        assert checks == [0, 1, 2]
        assert len(server.received) == 1


def test_the_rate_limit_is_waited_out_before_the_check() -> None:
    with serving(taken) as server:
        meter = StripeMeter(
            "sk_test_x",
            "stripe_minutes",
            base_url=server.url,
            pace=Pace(Rates.alike(20)),
            sleep=lambda _: None,
        )
        began, checks = time.monotonic(), []
        send(meter, go)

        def may_send() -> bool:
            checks.append(time.monotonic() - began)
            return True

        send(meter, may_send)
        assert checks[0] >= 0.05
        meter.close()


def test_a_read_is_never_asked_for() -> None:
    page = {"object": "list", "data": [], "has_more": False}
    with serving(lambda _: page) as server, meter_at(server.url) as meter:
        send(meter, stay)
        assert meter.describe() is None
        assert len(server.requests) == 1


def test_each_thread_has_a_check_of_its_own() -> None:
    with serving(taken) as server, meter_at(server.url) as meter:
        verdicts: dict[bool, list[SendVerdict]] = {True: [], False: []}

        def work(may: bool) -> None:
            for _ in range(20):
                verdicts[may].append(send(meter, lambda: may).verdict)

        threads = [threading.Thread(target=work, args=(may,)) for may in verdicts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(verdicts[True]) == {SendVerdict.COUNTED}
        assert set(verdicts[False]) == {SendVerdict.UNSENT}
        assert len(server.requests) == 20


def test_a_check_that_fails_lets_nothing_leave() -> None:
    def may_send() -> bool:
        raise LedgerFault("the ledger is gone")

    with serving(taken) as server, meter_at(server.url) as meter:
        with pytest.raises(LedgerFault, match="the ledger is gone"):
            send(meter, may_send)
        wait_until(lambda: server.received, [b""])


@pytest.fixture
def free_port() -> Iterator[int]:
    """Keep a port at which nobody listens, nor can begin to."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Find a port that speaks no TLS: it hangs up after the first bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@ACTS
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{free}", "http://nobody.invalid", "https://127.0.0.1:{deaf}"],
)
def test_what_found_no_connection_was_certainly_not_sent(
    act: Act, url: str, free_port: int, deaf_port: int
) -> None:
    with meter_at(url.format(free=free_port, deaf=deaf_port)) as meter:
        answer = act(meter, go)
    assert (answer.verdict, answer.http_status) == (SendVerdict.BUSY, None)
    assert answer.transient
    assert "certainly not sent" in answer.detail


@ACTS
def test_what_was_written_and_not_answered_is_unknown(act: Act) -> None:
    with serving(lambda _: None) as server, meter_at(server.url) as meter:
        answer = act(meter, go)
        assert (answer.verdict, answer.http_status) == (SendVerdict.UNKNOWN, None)
        assert len(server.requests) == 1


@ACTS
def test_a_stale_connection_leaves_it_uncertain_and_sends_no_second_time(
    act: Act,
) -> None:
    with serving(taken) as server, meter_at(server.url) as meter:
        send(meter, go)
        server.answer = lambda _: None
        assert act(meter, go).verdict is SendVerdict.UNKNOWN
        assert len(server.requests) == 2


@ACTS
def test_a_proxy_is_given_nothing_that_may_not_go(act: Act) -> None:
    with (
        serving(taken) as proxy,
        meter_at("http://nobody.invalid", proxy=proxy.url) as meter,
    ):
        assert act(meter, stay).verdict is SendVerdict.UNSENT
        wait_until(lambda: proxy.received, [b""])
        assert act(meter, go).http_status == 200
        assert proxy.requests[0].startswith("http://nobody.invalid/v1/billing/")


@ACTS
def test_a_tunnel_that_leads_nowhere_was_no_request(act: Act) -> None:
    checks: list[bool] = []

    def may_send() -> bool:
        checks.append(True)
        return True

    with serving(lambda _: "") as proxy:
        with meter_at(
            "https://nobody.invalid", proxy=proxy.url, patience=Patience(1)
        ) as meter:
            answer = act(meter, may_send)
        assert (answer.verdict, checks) == (SendVerdict.BUSY, [])
        assert proxy.requests == ["nobody.invalid:443"]


def test_a_connection_whose_request_was_refused_is_closed() -> None:
    with serving(taken) as server:
        port = int(server.url.rpartition(":")[2])
        connection = GuardedConnection("127.0.0.1", port)
        with guarded_send(stay), pytest.raises(HeldBack):
            connection.request("GET", "/")
        assert connection.sock is None
        wait_until(lambda: server.received, [b""])
        with guarded_send(go) as guard:
            connection.request("GET", "/")
        assert (guard.released, guard.refused) == (True, False)
        connection.close()
