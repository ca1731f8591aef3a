"""A user's server beside the sandbox: it notes webhooks and answers as told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from tests.sandbox.pamela.pamela_world import Json, World


class Server(ThreadingHTTPServer):
    """The usual backlog of five drops connections when many calls report at once."""

    request_queue_size = 128


class Hook:
    """A loopback server that takes webhooks; answers come in turn, then 200."""

    def __init__(self, signature: str) -> None:
        self.seen: list[tuple[bytes, str]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.result = b'{"result":"done"}'
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.seen.append((body, self.headers[signature]))
                answer = hook.answers.pop(0) if hook.answers else (200, hook.result)
                self.send_response(answer[0])
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *args: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def events(self) -> list[Json]:
        """Return what was received, decoded."""
        return [orjson.loads(body) for body, _ in list(self.seen)]


@contextmanager
def hook(signature: str = "X-Pamela-Signature") -> Iterator[Hook]:
    """Run such a server, which keeps the header of this name."""
    made = Hook(signature)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def dial(world: World, **fields: object) -> str:
    """Make a call that lasts as long as the seed says, and return its id."""
    body = {"to": "+15550101", "task": "Confirm.", **fields}
    response = world.api("POST", "/calls", json=body)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def deliveries(world: World, call_id: str = "") -> list[Json]:
    """Return what the control surface shows of deliveries."""
    path = f"/deliveries?call_id={call_id}" if call_id else "/deliveries"
    items: list[Json] = world.control("GET", path).json()["items"]
    return items


def statuses(world: World, call_id: str = "") -> list[tuple[str, str]]:
    """Return the events and the statuses of all deliveries."""
    return [
        (delivery["event"], delivery["status"])
        for delivery in deliveries(world, call_id)
    ]
