"""The reads from Stripe: each request is tried again, each list has an end."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import stripe

from billing.domain.foreign_text import first_words
from billing.errors import MeterFault, MeterUnavailable
from billing.gateways.retries import Sleep, read_with_retries
from billing.gateways.stripe.answers import UnreadablyLarge, fault_of
from billing.gateways.stripe.fields import NONSENSE, Json, read_flag, read_text

PAGE_SIZE = 100
MOST_PAGES = 100
# What one read may take in all, such as the invoices of a customer with their lines.
MOST_REQUESTS = 2_000
# All rows of a list are held at once, decoded: at worst some 35 bytes for each.
MOST_BYTES_OF_A_LIST = 5_000_000
LONGEST_SECONDS = 600
_NO_PARAMETERS: Json = {}


@dataclass(slots=True)
class _Allowance:
    requests_left: int
    ends_at: float


# One read a thread: whatever it asks for on its way counts.
_CURRENT: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def one_read(what: str) -> Iterator[None]:
    """Read something, within what a read may take.

    Raises MeterFault where an answer's fields are not as promised.
    """
    token = None
    if _CURRENT.get() is None:
        ends_at = time.monotonic() + LONGEST_SECONDS
        token = _CURRENT.set(_Allowance(MOST_REQUESTS, ends_at))
    try:
        yield
    except NONSENSE as fault:
        words = first_words(f"{type(fault).__name__}: {fault}", 200)
        raise MeterFault(f"{what} cannot be read ({words})") from fault
    finally:
        if token is not None:
            _CURRENT.reset(token)


class Document(NamedTuple):
    """An answer: an object, the headers it came with, and how large it was."""

    fields: Json
    headers: Mapping[str, str]
    size: int


class Listing(NamedTuple):
    """Every row of a list, and the headers that its last page came with."""

    rows: list[Json]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StripeReads:
    """Reads from one account, tried again by the schedule."""

    client: stripe.StripeClient
    sleep: Sleep

    def get(self, path: str, parameters: Json = _NO_PARAMETERS) -> Document:
        """Read one object; raises MeterFault when there is no answer."""

        def once() -> Document:
            _take_allowance()
            try:
                answer: Any = self.client.raw_request("get", path, **parameters)
            except stripe.StripeError as fault:
                raise fault_of(fault) from fault
            if not isinstance(answer.data, Mapping):
                raise TypeError(f"it is a {type(answer.data).__name__}")
            return Document(answer.data, answer.headers, len(answer.body))

        return read_with_retries(once, sleep=self.sleep)

    def list_all(self, path: str, parameters: Json = _NO_PARAMETERS) -> Listing:
        """Read every row of a list; raises MeterFault for one without an end.

        A page that is too large is asked for again in smaller pieces.
        """
        rows: dict[str, Json] = {}
        size, asked, limit = 0, dict(parameters), PAGE_SIZE
        for _ in range(MOST_PAGES):
            try:
                page, headers, added = self.get(path, asked | {"limit": limit})
            except UnreadablyLarge:
                if limit == 1:
                    raise
                limit = max(limit // 4, 1)
                continue
            size = _add_rows(rows, page, size + added)
            if not read_flag(page.get("has_more"), "has_more"):
                return Listing(list(rows.values()), headers)
            if not page["data"]:
                raise ValueError("a page has no rows, and yet more are to come")
            asked["starting_after"] = next(reversed(rows))
        raise _endless()

    def list_linked(self, path: str, parameters: Json) -> list[Json]:
        """Read every row of a list that links from page to page."""
        rows: dict[str, Json] = {}
        size, link = 0, None
        for _ in range(MOST_PAGES):
            page, _, added = self._linked_page(path, parameters, link)
            size = _add_rows(rows, page, size + added)
            link = page["next_page_url"]
            if link is None:
                return list(rows.values())
            if not isinstance(link, str) or not link.startswith(f"{path}?"):
                raise ValueError("its next page is elsewhere")
        raise _endless()

    def _linked_page(self, path: str, parameters: Json, link: str | None) -> Document:
        if link is not None:
            return self.get(link)
        return self.get(path, {**parameters, "limit": PAGE_SIZE})


def segment(name: object) -> str:
    """Quote a name that an answer gave, so that it stays one segment of a path."""
    text = read_text(name, "a name")
    if text in {".", ".."}:
        raise ValueError(f"a name is {text!r}")
    return quote(text, safe="")


def _add_rows(rows: dict[str, Json], page: Json, size: int) -> int:
    """Add a page's rows to those of a list that has come to a size; returns it."""
    if size > MOST_BYTES_OF_A_LIST:
        words = f"a list is larger than any should be: over {MOST_BYTES_OF_A_LIST:,}"
        raise MeterFault(f"{words} bytes")
    if not isinstance(page["data"], list):
        raise TypeError("data is no list")
    for row in page["data"]:
        name = read_text(row["id"], "the id of a row")
        if name in rows:
            raise ValueError(f"two rows are named {name}")
        rows[name] = row
    return size


def _take_allowance() -> None:
    allowance = _CURRENT.get()
    if allowance is None:
        return
    allowance.requests_left -= 1
    if allowance.requests_left < 0:
        raise MeterFault(f"a read takes more than {MOST_REQUESTS:,} requests")
    if time.monotonic() > allowance.ends_at:
        raise MeterUnavailable(f"a read takes longer than {LONGEST_SECONDS} s")


def _endless() -> MeterFault:
    return MeterFault(f"a list has no end: more than {MOST_PAGES} pages")
