"""Hooks in a victim: they see each named step go by, and strike at one of them.

They sit in SQLAlchemy, in the driver and in the HTTP connection of the process that
is to die; the service itself runs unchanged.
"""

import select
import signal
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect
from urllib3.connection import HTTPConnection

from billing.gateways.pamela import PamelaUsage
from tests.crash.processes import points
from tests.crash.processes.points import EXCHANGES, WORKS, Exchange, Work

WAIT_SECONDS = 30
Method = Callable[..., Any]


class Striker:
    """Ends (or stops) its own process when a named step is reached the nth time."""

    def __init__(self, point: str, nth: int, sign: signal.Signals) -> None:
        self._point = point
        self._nth = nth
        self._sign = sign
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()

    def reach(self, point: str) -> None:
        """Note that a step was reached, and strike if it is the one."""
        if point != self._point:
            return
        with self._lock:
            self._seen[point] += 1
            if self._seen[point] == self._nth:
                # To this very thread: any other would let it run on for a moment.
                signal.pthread_kill(threading.get_ident(), self._sign)


def watch_database(striker: Striker) -> None:
    """See every transaction begin, write and commit."""
    watch = _DatabaseWatch(striker)
    event.listen(Engine, "begin", watch.begin)
    event.listen(Engine, "before_cursor_execute", watch.cursor_execute)
    _around(DefaultDialect, "do_begin", watch.began)
    _around(DefaultDialect, "do_commit", watch.commit)
    _around(psycopg.Cursor, "copy", watch.copy)


class _DatabaseWatch(threading.local):
    """What the transaction of this thread has done so far."""

    def __init__(self, striker: Striker) -> None:
        self._striker = striker
        self._works: list[Work] = []

    def begin(self, _connection: object) -> None:
        self._works = []
        self._striker.reach(points.BEGINNING)

    def began(self, begin: Method, *given: Any) -> None:
        begin(*given)
        self._striker.reach(points.BEGAN)

    def cursor_execute(
        self, _connection: object, _cursor: object, statement: str, *_rest: object
    ) -> None:
        self._execute(statement)

    def copy(self, copy: Method, cursor: Any, statement: str, *rest: Any) -> Any:
        self._execute(statement)
        return copy(cursor, statement, *rest)

    def commit(self, commit: Method, *given: Any) -> None:
        works, self._works = self._works, []
        for work in works:
            self._striker.reach(f"{work.name}: {points.BEFORE}")
        commit(*given)
        for work in works:
            self._striker.reach(f"{work.name}: {points.AFTER}")

    def _execute(self, statement: str) -> None:
        for work in WORKS:
            if work not in self._works and work.first.match(statement):
                self._works.append(work)
                self._striker.reach(f"{work.name}: {points.BEGUN}")
            elif work in self._works and work.later and work.later.match(statement):
                self._striker.reach(f"{work.name}: {points.HALF}")


def watch_wire(striker: Striker) -> None:
    """See every request leave and every answer arrive."""

    def request(
        requested: Method,
        connection: Any,
        method: str,
        url: str,
        **rest: Any,
    ) -> Any:
        connection.exchange = exchange_of(method, url)
        connection.half_sent = False
        if connection.exchange:
            striker.reach(f"{connection.exchange.name}: {points.UNSENT}")
        return requested(connection, method, url, **rest)

    def send(sent: Method, connection: Any, content: Any) -> Any:
        done = sent(connection, content)
        exchange = getattr(connection, "exchange", None)
        if exchange and not connection.half_sent:
            # Its head is out; the body follows in a write of its own.
            connection.half_sent = True
            striker.reach(f"{exchange.name}: {points.HALF_SENT}")
        return done

    def answer(answered: Method, connection: Any) -> Any:
        exchange = connection.exchange
        if exchange:
            # What was done there is done once the answer's first byte is here.
            select.select([connection.sock], [], [], WAIT_SECONDS)
            striker.reach(f"{exchange.name}: {points.UNREAD}")
        response = answered(connection)
        if exchange:
            striker.reach(f"{exchange.name}: {points.READ}")
        return response

    _around(HTTPConnection, "request", request)
    _around(HTTPConnection, "send", send)
    _around(HTTPConnection, "getresponse", answer)


def watch_source(striker: Striker) -> None:
    """See every page of calls arrive."""

    def listed(read_page: Method, *given: Any, **asked: Any) -> Any:
        page = read_page(*given, **asked)
        striker.reach(points.PAGE_READ)
        return page

    _around(PamelaUsage, "read_page", listed)


def exchange_of(method: str, url: str) -> Exchange | None:
    """Say which request this is; None for one that nobody watches."""
    path = url.partition("?")[0]
    for exchange in EXCHANGES:
        if exchange.method == method and exchange.path.search(path):
            return exchange
    return None


def _around(owner: type, name: str, hook: Method) -> None:
    """Put a hook around a method: it is handed the method, then its arguments."""
    method = getattr(owner, name)

    def hooked(*given: Any, **named: Any) -> Any:
        return hook(method, *given, **named)

    setattr(owner, name, hooked)
