"""A small server of an account that is never quiet: a call each so many microseconds.

It makes its calls as they are asked for, so an account of any size costs no memory. It
prints its URL, then serves until its standard input ends.
"""

import argparse
import asyncio
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import unquote_plus

# They rang for five seconds, and talked for a minute.
CALL = (
    '{"id":"call_%012d","status":"completed","call_session_id":"cs_%012d",'
    '"conversation_id":"conv_%012d","duration_seconds":60,"billed_minutes":1,'
    '"transcript":null,"summary":null,"created_at":"%s","started_at":"%s",'
    '"ended_at":"%s","metadata":{"customer":"customer-%04d"},"message":null,'
    '"success":true}'
)
RINGS, TALKS = timedelta(seconds=5), timedelta(seconds=65)
CUSTOMERS = 200
TICK = timedelta(microseconds=1)
LINE = re.compile(r"GET /api/b2b/v1/(calls|usage)(?:/(\w+))?\??(\S*)")


class Account:
    """The calls of [start, end), one each `gap`, by their numbers."""

    def __init__(self, start: datetime, end: datetime, gap: timedelta) -> None:
        self.start, self.gap = start, gap
        self.calls = self.number(end)

    def number(self, moment: datetime) -> int:
        """Return the number of the first call that is created at a moment or later."""
        return max(-((self.start - moment) // self.gap), 0)

    def page(self, query: dict[str, str]) -> str:
        """Return a page of the list, newest first."""
        first = self._bound(query.get("start_date"), 0)
        last = self._bound(query.get("end_date"), self.calls)
        limit, offset = int(query.get("limit", 50)), int(query.get("offset", 0))
        top = max(last - offset, first)
        numbers = range(top - 1, max(top - limit, first) - 1, -1)
        items = ",".join([call_text(self, number) for number in numbers])
        more = top - limit > first
        tail: dict[str, int | None] = {"limit": limit, "offset": offset}
        tail |= {"total": max(last - first, 0), "has_more": more}
        tail |= {"next_offset": offset + limit if more else None}
        rest = json.dumps(tail, separators=(",", ":"))[1:]
        return f'{{"items":[{items}],{rest}'

    def usage(self, period: str) -> str:
        """Return the totals of a month: a minute a call."""
        year, month = map(int, period.split("-"))
        start = datetime(year, month, 1, tzinfo=UTC)
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        begin = RINGS
        calls = min(self.number(end - begin), self.calls)
        calls -= min(self.number(start - begin), self.calls)
        totals = {"partner_id": "partner_1", "project_id": None, "period": period}
        counts = {"call_count": calls, "api_minutes": calls, "billed_minutes": calls}
        return json.dumps(totals | counts)

    def _bound(self, text: str | None, default: int) -> int:
        if text is None:
            return default
        return min(self.number(datetime.fromisoformat(text)), self.calls)


@lru_cache(100_000)
def call_text(account: Account, number: int) -> str:
    """Return a call as JSON."""
    at = account.start + number * account.gap
    times = at.isoformat(), (at + RINGS).isoformat(), (at + TALKS).isoformat()
    numbers, customer = (number, number, number), (number % CUSTOMERS,)
    return CALL % (numbers + times + customer)


class Connection(asyncio.Protocol):
    """One connection: answers each request, one after another."""

    account: Account
    delay: float
    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, self._received = self._received.split(b"\r\n\r\n", 1)
            body = self._answer(head.decode()).encode()
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            answer += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            loop = asyncio.get_running_loop()
            loop.call_later(self.delay, self.transport.write, answer)

    def _answer(self, head: str) -> str:
        match = LINE.match(head)
        assert match, head[:200]
        pairs = [part.partition("=") for part in match[3].split("&")]
        query = {name: unquote_plus(value) for name, _, value in pairs}
        if match[1] == "usage":
            return self.account.usage(query.get("period", "2026-10"))
        if match[2]:
            return call_text(self.account, int(match[2].removeprefix("call_")))
        return self.account.page(query)


async def main(options: argparse.Namespace) -> None:
    """Serve an account."""
    gap = options.gap * TICK
    Connection.account = Account(options.start, options.end, gap)
    Connection.delay = options.delay / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--start", type=datetime.fromisoformat, required=True)
    parser.add_argument("--end", type=datetime.fromisoformat, required=True)
    parser.add_argument("--gap", type=int, required=True, help="in microseconds")
    parser.add_argument("--delay", type=int, default=0, help="in milliseconds")
    asyncio.run(main(parser.parse_args()))
