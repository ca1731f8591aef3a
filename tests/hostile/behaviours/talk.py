"""One request that a hostile server was sent, and the means to answer it badly."""

import json
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

DRIP_SECONDS = 0.02
# A drip, a flood or a silence ends when the client hangs up, or after so long.
LONGEST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: who asked for what."""

    method: str
    path: str
    query: str
    token: str
    body: str = ""


@dataclass(slots=True)
class Talk:
    """A request in a server's hand, with the answer that an honest one would give."""

    connection: socket.socket
    asked: Asked
    document: Any
    number: int = 0  # of the request, among those to this endpoint

    def send(self, data: bytes) -> None:
        """Send bytes as they are; a client that hung up is no matter."""
        try:
            self.connection.sendall(data)
        except OSError:
            raise HungUp from None

    def head(self, status: int | str = 200, **headers: str) -> bytes:
        """Word the head of an answer; underscores of a header's name are dashes."""
        lines = [f"HTTP/1.1 {status} Said", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {v}" for name, v in headers.items()]
        return ("\r\n".join(lines) + "\r\n").encode("latin-1")

    def reply(self, body: bytes, status: int | str = 200, **headers: str) -> None:
        """Send a whole answer."""
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        self.send(self.head(status, **headers) + length + body)

    def words(self) -> bytes:
        """Return the honest body."""
        return json.dumps(self.document).encode()

    def drip(self, data: bytes) -> None:
        """Send bytes one by one, slowly."""
        for place in range(len(data)):
            self.send(data[place : place + 1])
            time.sleep(DRIP_SECONDS)

    def flood(self, data: bytes) -> None:
        """Send the same again and again."""
        until = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < until:
            self.send(data)

    def be_silent(self) -> None:
        """Say nothing until the client hangs up."""
        self.connection.settimeout(LONGEST_SECONDS)
        try:
            while self.connection.recv(65_536):
                continue
        except OSError:
            raise HungUp from None

    def reset(self) -> None:
        """Break the connection off, as a machine that lost its power."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def half_close(self) -> None:
        """Say that nothing more comes, and keep listening."""
        self.connection.shutdown(socket.SHUT_WR)
        self.be_silent()


class HungUp(Exception):
    """The client is gone, as it should be."""
