"""The hostile server: honest to everybody but the key that asks for trouble."""

import re
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.hostile.behaviours import documents, wire, words
from tests.hostile.behaviours.talk import Asked, HungUp, Talk
from tests.hostile.endpoints import ENDPOINTS
from tests.hostile.honest import HonestWorld, as_words

BEHAVIOURS = {**wire.QUICK, **words.WORDS, **documents.DOCUMENTS, **wire.SLOW}
NAMES = list(BEHAVIOURS)
# A key names its run, and what is to go wrong: which endpoint, and how.
KEY = re.compile(r"(?P<run>.+)_e(?P<endpoint>[0-9]+)_b(?P<behaviour>[0-9]+)_\w+")
REQUEST = re.compile(rb"([A-Z]+) ([^ ?]+)\??(\S*) HTTP")
TOKEN = re.compile(rb"authorization: bearer (\S+)", re.IGNORECASE)
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
EVIL = "evil"


def key_for(run: str, endpoint: int, behaviour: str, who: str = "any") -> str:
    """Return a key with which one endpoint behaves badly."""
    return f"{run}_e{endpoint}_b{NAMES.index(behaviour)}_{who}"


@dataclass
class HostileServer:
    """Answers both APIs; each run has a world of its own."""

    url: str = ""
    worlds: dict[str, HonestWorld] = field(
        default_factory=lambda: defaultdict(HonestWorld)
    )
    asked: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, connection: socket.socket) -> None:
        """Answer a connection's requests until one was answered badly."""
        with connection:
            try:
                while (asked := _receive(connection)) is not None:
                    if not self._answer(connection, asked):
                        return
            except (HungUp, OSError):
                return

    def _answer(self, connection: socket.socket, asked: Asked) -> bool:
        """Answer one request; False when it was badly."""
        key = KEY.fullmatch(asked.token)
        run = key["run"] if key else asked.token
        is_spoilt = key is not None and self._is_meant(asked, key)
        with self._lock:
            world = self.worlds[run]
            document = None
            if asked.method == "GET" or not is_spoilt:
                document = world.answer(asked)
            self.asked[asked.token] += is_spoilt
            number = self.asked[asked.token]
        talk = Talk(connection, asked, document, number)
        if key is not None and is_spoilt:
            if document is None:
                talk.document = HonestWorld().answer(asked)
            BEHAVIOURS[NAMES[int(key["behaviour"])]](talk)
            return False
        if document is None:
            talk.reply(b'{"error": {"message": "none", "type": "x"}}', 404)
        else:
            talk.reply(as_words(document), Request_Id="req_1")
        return True

    def _is_meant(self, asked: Asked, key: re.Match[str]) -> bool:
        if not ENDPOINTS[int(key["endpoint"])].is_asked(asked):
            return False
        # With the key of a whole cycle only what is about one customer is spoilt.
        about = (asked.path, asked.query, asked.body, asked.token)
        return "cycle" not in asked.token or any(EVIL in words for words in about)


def _receive(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)
    line, token = REQUEST.match(head), TOKEN.search(head)
    if line is None or token is None:
        return None
    method, path, query = (part.decode() for part in line.groups())
    return Asked(
        method=method,
        path=path,
        query=query.replace("%3A", ":"),
        token=token[1].decode(),
        body=body.decode(),
    )


@contextmanager
def hostile_server() -> Iterator[HostileServer]:
    """Serve on a port of its own while the block runs."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        server = HostileServer(url=f"http://127.0.0.1:{port}")

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(
                    target=server.serve, args=(connection,), daemon=True
                ).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
