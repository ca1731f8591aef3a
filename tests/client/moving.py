"""A server whose list of calls moves between two pages, and both ways to read it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from itertools import islice
from typing import Any
from urllib.parse import parse_qs

import httpx2

from pamela import AsyncPamelaClient, PamelaClient

Move = Callable[["MovingList"], None]


class MovingList:
    """Calls, newest first; before each page but the first something happens to them."""

    def __init__(self, count: int, *moves: Move, page_cap: int = 100) -> None:
        self.ids = [f"call_{number}" for number in range(count, 0, -1)]
        self.extra: dict[str, Any] = {}
        self.without: set[str] = set()
        self.asked: list[int] = []
        self._moves = list(moves)
        self._page_cap = page_cap
        self._born = count

    def add(self, count: int) -> None:
        """Let new calls appear at the head."""
        for _ in range(count):
            self._born += 1
            self.ids.insert(0, f"call_{self._born}")

    def drop(self, start: int, count: int) -> None:
        """Let calls vanish."""
        del self.ids[start : start + count]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.asked and self._moves:
            self._moves.pop(0)(self)
        query = {k: int(v[0]) for k, v in parse_qs(request.url.query.decode()).items()}
        offset, limit = query["offset"], min(query["limit"], self._page_cap)
        self.asked.append(offset)
        ids = self.ids[offset : offset + limit]
        more = offset + limit < len(self.ids)
        page = {
            "items": [{"id": call_id} for call_id in ids],
            "total": len(self.ids),
            "has_more": more,
            "next_offset": offset + limit if more else None,
        } | self.extra
        kept = {name: page[name] for name in page if name not in self.without}
        return httpx2.Response(200, content=json.dumps(kept).encode())


def read_blocking(calls: MovingList, most: int | None = None, **how: Any) -> list[str]:
    """Read the ids of all calls, or of the first ones, with the blocking client."""
    transport = httpx2.MockTransport(calls)
    with PamelaClient("pk_live_1", transport=transport) as client:
        calls_read: Iterator[Any] = client.iter_calls(**how)
        return [str(call.get("id")) for call in islice(calls_read, most)]


def read_async(calls: MovingList, most: int | None = None, **how: Any) -> list[str]:
    """Read them with the client on an event loop."""

    async def read() -> list[str]:
        transport = httpx2.MockTransport(calls)
        names: list[str] = []
        async with AsyncPamelaClient("pk_live_1", transport=transport) as client:
            calls_read: AsyncIterator[Any] = client.iter_calls(**how)
            async with aclosing(calls_read) as running:  # type: ignore[type-var] # it is a generator
                async for call in running:
                    names.append(str(call.get("id")))
                    if len(names) == most:
                        break
        return names

    return asyncio.run(read())


READERS = {"blocking": read_blocking, "async": read_async}
