"""A server whose answers are scripted, and which keeps every byte that it was sent."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from billing.domain.meter_event import MeterEvent
from billing.domain.request_rates import Rates
from billing.gateways.patience import USUAL, Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.meter import StripeMeter

EVENT = MeterEvent(
    customer="acme",
    stripe_customer="cus_acme",
    meter="stripe_minutes",
    livemode=False,
    hour=datetime(2026, 3, 10, 11, tzinfo=UTC),
    sequence=0,
    minutes=5,
)
METER_ROW = {
    "id": "mtr_1",
    "event_name": "stripe_minutes",
    "status": "active",
    "default_aggregation": {"formula": "sum"},
    "event_time_window": None,
    "customer_mapping": {"event_payload_key": "stripe_customer_id"},
    "value_settings": {"event_payload_key": "value"},
    "livemode": False,
}
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
PATH = re.compile(rb"[A-Z]+ (\S+) HTTP")


def go() -> bool:
    """Let everything leave."""
    return True


def stay() -> bool:
    """Let nothing leave."""
    return False


@dataclass
class Scripted:
    """What came over each connection, and what is answered to a whole request."""

    url: str = ""
    answer: Callable[[str], object] = lambda path: None  # None: hang up
    status: int = 200
    date: str = "Tue, 10 Mar 2026 12:00:07 GMT"
    received: list[bytes] = field(default_factory=list)  # of each connection
    requests: list[str] = field(default_factory=list)  # the paths of whole ones

    def talk(self, connection: socket.socket) -> None:
        """Answer whole requests until the other side hangs up."""
        self.received.append(b"")
        place, rest = len(self.received) - 1, b""
        with connection:
            while True:
                try:
                    piece = connection.recv(65_536)
                except OSError:
                    return
                self.received[place] += piece
                rest += piece
                if not piece:
                    return
                head, end, body = rest.partition(b"\r\n\r\n")
                length = LENGTH.search(head)
                if not end or len(body) < (int(length[1]) if length else 0):
                    continue
                rest = b""
                path = PATH.match(head)
                assert path is not None
                self.requests.append(path[1].decode())
                answer = self.answer(self.requests[-1])
                if answer is None:
                    return
                connection.sendall(self._worded(answer))

    def _worded(self, answer: object) -> bytes:
        body = answer if isinstance(answer, str) else json.dumps(answer)
        head = f"HTTP/1.1 {self.status} Said\r\nContent-Type: application/json\r\n"
        head += f"Request-Id: req_1\r\nDate: {self.date}\r\n"
        content = body.encode()
        return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@contextmanager
def serving(answer: Callable[[str], object], status: int = 200) -> Iterator[Scripted]:
    """Serve a script on a port of its own while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = Scripted(url=url, answer=answer, status=status)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(
                    target=server.talk, args=(connection,), daemon=True
                ).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def meter_at(
    url: str,
    slept: list[float] | None = None,
    *,
    proxy: str | None = None,
    patience: Patience = USUAL,
) -> Iterator[StripeMeter]:
    """Connect a meter to a server; waits take no time."""
    meter = StripeMeter(
        "sk_test_x",
        "stripe_minutes",
        base_url=url,
        pace=Pace(Rates.alike(10_000)),
        sleep=(slept if slept is not None else []).append,
        proxy=proxy,
        patience=patience,
    )
    try:
        yield meter
    finally:
        meter.close()


def listing(*rows: object, more: bool = False) -> dict[str, Any]:
    """Word a page of a list as Stripe does."""
    return {"object": "list", "data": list(rows), "has_more": more, "url": "/v1/x"}


def taken(path: str) -> dict[str, Any]:
    """Answer as Stripe does when it takes the event, or takes it back."""
    if path.endswith("meter_event_adjustments"):
        return {
            "object": "billing.meter_event_adjustment",
            "cancel": {"identifier": EVENT.identifier},
            "livemode": False,
            "status": "pending",
        }
    return {
        "object": "billing.meter_event",
        "identifier": EVENT.identifier,
        "livemode": False,
    }
