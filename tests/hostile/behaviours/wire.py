"""Bad answers on the wire: slow, endless, broken off, or no HTTP at all."""

import gzip
import zlib
from collections.abc import Callable
from functools import cache

from tests.hostile.behaviours.talk import Talk

Play = Callable[[Talk], None]
FLOOD = b"x" * 65_536
END = b"\r\n"


def body_cut(talk: Talk) -> None:
    """Promise more than comes."""
    talk.send(talk.head(Content_Length="100000") + END + talk.words())


def reset_in_body(talk: Talk) -> None:
    """Break off in the middle of a body."""
    talk.send(talk.head(Content_Length="100000") + END + b"{")
    talk.reset()


def half_closed_in_body(talk: Talk) -> None:
    """End in the middle of a body, and stay."""
    talk.send(talk.head(Content_Length="100000") + END + b"{")
    talk.half_close()


def chunked(talk: Talk, rest: bytes) -> None:
    """Begin an answer in chunks, and go on with anything."""
    talk.send(talk.head(Transfer_Encoding="chunked") + END + rest)


def endless_chunks(talk: Talk) -> None:
    """Send chunks for ever."""
    chunked(talk, b"")
    talk.flood(b"10000\r\n" + FLOOD + END)


def endless_chunk_line(talk: Talk) -> None:
    """Send the length of a chunk for ever."""
    chunked(talk, b"")
    talk.flood(b"0" * 65_536)


def endless_trailers(talk: Talk) -> None:
    """Send trailers for ever."""
    chunked(talk, b"2\r\n{}\r\n0\r\n")
    talk.flood(b"X-More: x\r\n" * 1_000)


def drip_chunks(talk: Talk) -> None:
    """Send a chunk of one byte at a time, slowly."""
    chunked(talk, b"")
    talk.drip(b"1\r\n \r\n" * 1_000)


def drip_body(talk: Talk) -> None:
    """Send a body a byte at a time, slowly."""
    talk.send(talk.head(Content_Length="100000") + END)
    talk.drip(b" " * 100_000)


def endless_body(talk: Talk) -> None:
    """Send a body that has no length, for ever."""
    talk.send(talk.head() + END)
    talk.flood(FLOOD)


def endless_header(talk: Talk) -> None:
    """Send one header for ever."""
    talk.send(talk.head() + b"X-Long: ")
    talk.flood(FLOOD)


def endless_headers(talk: Talk) -> None:
    """Send headers for ever."""
    talk.send(talk.head())
    talk.flood(b"X-More: x\r\n" * 1_000)


@cache
def packed(piece: bytes) -> bytes:
    """Pack a megabyte of the same two hundred times."""
    packing = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    pieces = [packing.compress(piece * 1_000_000) for _ in range(200)]
    return b"".join(pieces) + packing.flush()


def bomb(talk: Talk) -> None:
    """Send little that unpacks to very much."""
    talk.reply(packed(b" "), Content_Encoding="gzip")


def bomb_in_chunks(talk: Talk) -> None:
    """Send the same without a length."""
    talk.send(talk.head(Content_Encoding="gzip", Transfer_Encoding="chunked") + END)
    body = packed(b"[")
    talk.send(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")


def damaged_gzip(talk: Talk) -> None:
    """Send what claims to be packed, and is not."""
    talk.reply(gzip.compress(talk.words())[:-9] + b"?", Content_Encoding="gzip")


def second_answer(talk: Talk) -> None:
    """Send an answer, and at once one that nobody asked for."""
    talk.reply(talk.words())
    talk.reply(b'{"livemode": true}')


def too_short(talk: Talk) -> None:
    """Announce less than comes."""
    talk.send(talk.head(Content_Length="1") + END + talk.words())


def raw(data: bytes) -> Play:
    """Send bytes as they are."""
    return lambda talk: talk.send(data)


def announced(length: str) -> Play:
    """Announce a length, and send the honest body."""
    return lambda talk: talk.send(talk.head(Content_Length=length) + END + talk.words())


def in_chunks(rest: bytes) -> Play:
    """Send chunks that are none."""
    return lambda talk: chunked(talk, rest)


def encoded(encoding: str, pack: Callable[[bytes], bytes]) -> Play:
    """Send the honest body in an encoding."""
    return lambda talk: talk.reply(pack(talk.words()), Content_Encoding=encoding)


def stays(rest: bytes) -> Play:
    """Stop in the middle of an answer, and stay."""

    def play(talk: Talk) -> None:
        talk.send(talk.head() + rest)
        talk.be_silent()

    return play


# These end only when the client gives up, so each takes as long as it is patient.
SLOW: dict[str, Play] = {
    "says nothing": Talk.be_silent,
    "drips its head": lambda talk: talk.drip(talk.head() + b"X-Slow: 1\r\n" * 900),
    "drips its body": drip_body,
    "drips its chunks": drip_chunks,
    "ends its head half-way, and stays": stays(b"X-More"),
    "ends its body half-way, and stays": stays(b"Content-Length: 99\r\n\r\n{"),
}
QUICK: dict[str, Play] = {
    "closes at once": lambda talk: None,
    "closes in the head": lambda talk: talk.send(talk.head()),
    "closes in the body": body_cut,
    "half-closes at once": Talk.half_close,
    "half-closes in the body": half_closed_in_body,
    "resets at once": Talk.reset,
    "resets in the body": reset_in_body,
    "sends a body without end": endless_body,
    "sends chunks without end": endless_chunks,
    "sends a chunk's length without end": endless_chunk_line,
    "sends a header without end": endless_header,
    "sends headers without end": endless_headers,
    "sends trailers without end": endless_trailers,
    "says Continue without end": lambda talk: talk.flood(
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000
    ),
    "announces a petabyte": announced("1000000000000000"),
    "announces a length of 4,000 digits": announced("9" * 4_000),
    "announces a length below zero": announced("-5"),
    "announces a length in letters": announced("many"),
    "announces two lengths": announced("2\r\nContent-Length: 3"),
    "announces less than comes": too_short,
    "sends a chunk of a petabyte": in_chunks(b"3fffffffffffff\r\n{}"),
    "sends a chunk below zero": in_chunks(b"-1\r\n{}\r\n0\r\n\r\n"),
    "sends a chunk of letters": in_chunks(b"zz\r\n{}\r\n0\r\n\r\n"),
    "cuts its chunks off": in_chunks(b"5\r\n{"),
    "sends no chunk at all": in_chunks(b""),
    "sends no status": raw(b"hello\r\n\r\n"),
    "sends a status in letters": raw(b"HTTP/1.1 good Said\r\n\r\n{}"),
    "sends the status 999": raw(b"HTTP/1.1 999 Said\r\nContent-Length: 2\r\n\r\n{}"),
    "sends the status 99": raw(b"HTTP/1.1 99 Said\r\nContent-Length: 2\r\n\r\n{}"),
    "sends HTTP/9": raw(b"HTTP/9.9 200 Said\r\nContent-Length: 2\r\n\r\n{}"),
    "sends noise": raw(bytes(range(256)) * 40),
    "sends a TLS alert": raw(b"\x15\x03\x01\x00\x02\x02\x28"),
    "sends headers without colons": raw(b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n{}"),
    "sends NUL in a header": raw(
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "switches protocols": raw(b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"),
    "answers twice": second_answer,
    "sends a gzip bomb": bomb,
    "sends a gzip bomb in chunks": bomb_in_chunks,
    "sends damaged gzip": damaged_gzip,
    "sends gzip unasked": encoded("gzip", gzip.compress),
    "sends gzip in gzip": encoded(
        "gzip, gzip", lambda body: gzip.compress(gzip.compress(body))
    ),
    "sends deflate": encoded("deflate", zlib.compress),
    "sends an unknown encoding": encoded("br", lambda body: body),
    "sends plain words as gzip": encoded("gzip", lambda body: body),
}
