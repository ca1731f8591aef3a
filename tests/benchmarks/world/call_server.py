"""A small server of very many calls, so quick that the client is what is measured.

It prints its URL, then serves until its standard input ends. Each answer takes so many
milliseconds longer as the path before `/api` says.
"""

import asyncio
import re
import sys

CALL = (
    '{"id":"call_%012d","status":"completed","call_session_id":"cs_%012d",'
    '"conversation_id":"conv_%012d","duration_seconds":61,"billed_minutes":2,'
    '"transcript":null,"summary":null,"created_at":"2026-03-01T00:00:00Z",'
    '"started_at":"2026-03-01T00:00:05Z","ended_at":"2026-03-01T00:01:06Z",'
    '"metadata":{"customer":"customer-0001"},"message":null,"success":true}'
)
LINE = re.compile(rb"GET /(\d+)/api/b2b/v1/calls(/\w+)?\??(\S*)")
NUMBER = re.compile(rb"(limit|offset)=(\d+)")


class Calls(asyncio.Protocol):
    """One connection: answers each request, one after another."""

    items: tuple[bytes, ...] = ()
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
            match = LINE.match(head)
            assert match, head[:200]
            body = self.items[0] if match[2] else self._page(match[3])
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            answer += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            delay = int(match[1]) / 1000
            if delay:
                loop = asyncio.get_running_loop()
                loop.call_later(delay, self.transport.write, answer)
            else:
                self.transport.write(answer)

    def _page(self, query: bytes) -> bytes:
        numbers = {name: int(value) for name, value in NUMBER.findall(query)}
        limit, offset = numbers.get(b"limit", 50), numbers.get(b"offset", 0)
        end, total = offset + limit, len(self.items)
        return (
            b'{"items":[%b],"total":%d,"limit":%d,"offset":%d,"has_more":%b,'
            b'"next_offset":%b}'
        ) % (
            b",".join(self.items[offset:end]),
            total,
            limit,
            offset,
            b"true" if end < total else b"false",
            b"%d" % end if end < total else b"null",
        )


async def main(count: int) -> None:
    """Serve so many calls."""
    Calls.items = tuple((CALL % (n, n, n)).encode() for n in range(count))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Calls, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
