"""A server in front of the sandbox that forges one field of its answers at a time."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Place = tuple[str, ...]  # an endpoint, then the names down to a field
# What differs from answer to answer in a path.
_NAMES = re.compile(r"(?<=/)(?:[a-z]+_[A-Za-z0-9_]*\d\w*|cus_\w+|c\d+|[0-9a-f-]{36})")
_OUR_HEADERS = {"content-length", "transfer-encoding", "connection", "content-encoding"}


@dataclass
class Forger:
    """Which field is forged with which text, or how everything is refused."""

    behind: str
    url: str = ""
    target: Place | None = None
    text: str = ""
    refusal: tuple[int, str] | None = None
    refused: str = ""  # the method of what is refused; all of it by default
    headers: dict[str, str] = field(default_factory=dict)
    seen: set[Place] = field(default_factory=set)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Ask the sandbox, and pass its answer on, forged."""
        size = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(size)
        if self.refusal is None or self.refused not in handler.command:
            status, headers, content = self._behind(handler, body)
        else:
            status, text = self.refusal
            headers, content = {"Content-Type": "application/json"}, text.encode()
        handler.send_response(status)
        for name, value in {**headers, **self.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _behind(
        self, handler: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(urlsplit(self.behind).netloc, timeout=60)
        headers = {
            name: value
            for name, value in handler.headers.items()
            if name.lower() not in {"host", "accept-encoding", "content-length"}
        }
        connection.request(handler.command, handler.path, body or None, headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
        path = urlsplit(handler.path).path
        endpoint = f"{handler.command} {_NAMES.sub('*', path)}"
        forged = json.dumps(self._forged(document, (endpoint,)))
        connection.close()
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in _OUR_HEADERS
        }
        return answer.status, kept, forged.encode()

    def _forged(self, value: Any, place: Place) -> Any:
        if isinstance(value, dict) and value:
            return {
                name: self._forged(item, (*place, name)) for name, item in value.items()
            }
        if isinstance(value, list) and value:
            return [self._forged(item, (*place, "[]")) for item in value]
        self.seen.add(place)
        return self.text if place == self.target else value


@contextmanager
def forging(behind: str) -> Iterator[Forger]:
    """Stand in front of a server while the block runs."""
    forger = Forger(behind=behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            forger.answer(self)

        def do_POST(self) -> None:
            forger.answer(self)

        def log_message(self, *message: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        forger.url = f"http://127.0.0.1:{server.server_port}"
        worker = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        worker.start()
        try:
            yield forger
        finally:
            server.shutdown()
            worker.join()
