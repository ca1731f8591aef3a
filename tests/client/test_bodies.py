"""Bodies: the size cap holds before and after decompression."""

import gzip
import tracemalloc

import pytest

from pamela import InvalidResponse, ResponseTooLarge
from pamela._bodies import Body

LIMIT = 1000
PLAIN = b'{"id": "call_1"}'


def pack(plain: bytes) -> bytes:
    """Compress without a time stamp, so that the cases keep their names."""
    return gzip.compress(plain, mtime=0)


def collect(
    wire: bytes, encoding: str = "", declared: str = "", chunk: int = 7
) -> bytes:
    body = Body(encoding, declared, LIMIT)
    for start in range(0, len(wire), chunk):
        body.add(wire[start : start + chunk])
    return body.finish()


@pytest.mark.parametrize(
    ("wire", "encoding", "read"),
    [
        (PLAIN, "", PLAIN),
        (PLAIN, "identity", PLAIN),
        (pack(PLAIN), "gzip", PLAIN),
        (b"", "", b""),
        (b"", "gzip", b""),
        (b"x" * LIMIT, "", b"x" * LIMIT),
        (pack(b"x" * LIMIT), "gzip", b"x" * LIMIT),
    ],
)
def test_a_body_up_to_the_limit_is_read(
    wire: bytes, encoding: str, read: bytes
) -> None:
    assert collect(wire, encoding, str(len(wire))) == read


@pytest.mark.parametrize(
    ("wire", "encoding", "declared"),
    [
        (b"x" * (LIMIT + 1), "", ""),
        (pack(b"x" * (LIMIT + 1)), "gzip", ""),
        (b"", "", str(LIMIT + 1)),
        (b"", "", "9" * 5000),
    ],
)
def test_a_body_over_the_limit_is_refused(
    wire: bytes, encoding: str, declared: str
) -> None:
    with pytest.raises(ResponseTooLarge):
        collect(wire, encoding, declared)


@pytest.mark.parametrize(
    ("wire", "encoding"),
    [
        (PLAIN, "br"),
        (pack(pack(PLAIN)), "gzip, gzip"),
        (PLAIN, "gzip"),
        (pack(PLAIN)[:-1], "gzip"),
        (pack(PLAIN)[:-4] + b"junk", "gzip"),
        (pack(PLAIN) + b"more", "gzip"),
    ],
)
def test_compression_that_is_foreign_or_damaged_is_refused(
    wire: bytes, encoding: str
) -> None:
    with pytest.raises(InvalidResponse):
        collect(wire, encoding)


def test_a_bomb_never_unfolds_in_memory() -> None:
    bomb = pack(bytes(20_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLarge):
            collect(bomb, "gzip", chunk=65536)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
