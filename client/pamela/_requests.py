"""A request as a value: what to send, for whom, and how to read the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pamela._decoding import decode_json
from pamela.types import JSONValue

API_PREFIX = "/api/b2b/v1"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers by lower-case name, and the decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """One request, ready to be sent by whatever transport."""

    method: str
    path: str
    query: str
    read: Callable[[Answer], T_co]
    body: bytes | None = field(default=None, repr=False)
    # Whether it may be sent again after the server may have acted on it.
    resend: bool = False
    by_user: bool = False
    user_token: str | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """The path below the API prefix, with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def in_json(shape: Callable[[JSONValue], T]) -> Callable[[Answer], T]:
    """Read a body as strict JSON of a shape."""
    return lambda answer: shape(decode_json(answer.body))


def in_json_or_empty(
    shape: Callable[[JSONValue], T], empty: JSONValue
) -> Callable[[Answer], T]:
    """Read a body as strict JSON; without one, the status says that it is done."""
    return lambda answer: shape(decode_json(answer.body) if answer.body else empty)
