"""An answer's body, collected up to a limit before and after decompression."""

import zlib

from pamela.exceptions import InvalidResponse, ResponseTooLarge

MAX_SHOWN = 40
GZIP_ONLY = zlib.MAX_WBITS | 16


class Body:
    """Takes chunks as they arrive and refuses the first byte over the limit."""

    def __init__(self, encoding: str, declared_length: str, limit: int) -> None:
        self._limit = limit
        self._received = 0
        self._size = 0
        self._pieces: list[bytes] = []
        self._gzip = zlib.decompressobj(GZIP_ONLY) if encoding == "gzip" else None
        if encoding not in {"", "identity", "gzip"}:
            # Cut in two, what stands there could be half of a secret.
            shown = repr(encoding) if len(encoding) <= MAX_SHOWN else "of a long name"
            raise InvalidResponse(f"nobody asked for the encoding {shown}")
        if declared_length.isdecimal() and (
            len(declared_length) > 18 or int(declared_length) > limit
        ):
            raise ResponseTooLarge(f"the answer announces more than {limit} bytes")

    def add(self, chunk: bytes) -> None:
        """Take the next bytes off the wire."""
        self._received += len(chunk)
        piece = chunk if self._gzip is None else self._inflate(self._gzip, chunk)
        self._size += len(piece)
        if max(self._received, self._size) > self._limit:
            raise ResponseTooLarge(
                f"the answer is larger than {self._limit // 1000:,} kB"
            )
        self._pieces.append(piece)

    def finish(self) -> bytes:
        """Return the whole body, decompressed."""
        if self._gzip is not None and self._received and not self._gzip.eof:
            raise InvalidResponse("the compressed answer ends too early")
        return b"".join(self._pieces)

    def _inflate(self, gzip: "zlib._Decompress", chunk: bytes) -> bytes:
        try:
            # One byte over the limit is enough to know; a bomb goes no further.
            piece = gzip.decompress(chunk, self._limit + 1 - self._size)
        except zlib.error as error:
            raise InvalidResponse("the answer's compression is damaged") from error
        if gzip.unused_data:
            raise InvalidResponse("the compressed answer goes on after its end")
        return piece
