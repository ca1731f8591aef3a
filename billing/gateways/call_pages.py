"""Pages of Pamela's calls: each record is read, and a list that moves is read whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from billing.domain.call import MOST_MINUTES, Call, Quarantined
from billing.domain.call_fields import read_count, read_status, read_time
from billing.domain.period import Window
from billing.errors import SourceUnreadable
from billing.gateways.source_calls import (
    OBJECTS,
    Record,
    digest_of,
    readable_time,
    understand,
)
from billing.ports import CallMark, ListedCalls, SourceCall
from pamela import ListMoved, PageWalk

if TYPE_CHECKING:
    from pamela import CallListResponse

PAGE_SIZE = 100
# A list that grows by more than itself and this while it is read has no end.
MOST_GROWTH = 1_000


@dataclass(frozen=True, slots=True)
class CallPage:
    """One page of a list of calls, as Pamela answered it."""

    records: Sequence[object]
    total: int
    has_more: bool


def read_call(record: object, account: str) -> Call | Quarantined:
    """Read one record by Pamela's names, strictly."""

    def read(call_id: str, record: Record) -> Call:
        return Call(
            account=account,
            call_id=call_id,
            status=read_status(record, "status"),
            created_at=read_time(record, "created_at"),
            started_at=read_time(record, "started_at"),
            ended_at=read_time(record, "ended_at"),
            duration_seconds=read_count(record, "duration_seconds"),
            source_minutes=read_count(record, "billed_minutes", MOST_MINUTES),
            customer_key=None,
        )

    return understand(record, read, account=account, id_field="id")


def as_source_call(
    record: object, account: str, digest: str | None = None
) -> SourceCall:
    """Return what crosses the border of a record; its digest may be known."""
    metadata = record.get("metadata") if isinstance(record, OBJECTS) else None
    call = read_call(record, account)
    unread = not isinstance(call, Call)
    return SourceCall(
        call=call,
        sha256=digest or digest_of(record),
        metadata=metadata,
        created_at=readable_time(record, "created_at") if unread else None,
        started_at=readable_time(record, "started_at") if unread else None,
    )


def listed_calls(page: CallPage, account: str) -> ListedCalls:
    """Return what crosses the border of a page: nothing is understood yet."""
    records = page.records
    marks = [CallMark(_id_of(record), digest_of(record)) for record in records]

    def read(places: Sequence[int]) -> list[SourceCall]:
        return [
            as_source_call(records[place], account, marks[place].sha256)
            for place in places
        ]

    return ListedCalls(marks, read, page.total)


def walk_calls(
    account: str, window: Window, read_page: Callable[[int], CallPage]
) -> Iterator[ListedCalls]:
    """Read a list that moves, from the newest call to the oldest, losing none.

    `read_page` reads the page at an offset; raises SourceUnreadable.
    """
    walk, most = PageWalk(PAGE_SIZE), 0
    while offsets := walk.plan():
        page = read_page(offsets[0])
        if page.total > MOST_MINUTES:
            raise SourceUnreadable(account, "a page's total of calls cannot be")
        most = most or 2 * page.total + MOST_GROWTH
        if offsets[0] > most:
            day = f"{window.start:%Y-%m-%d}"
            raise SourceUnreadable(account, f"the list of {day} has no end")
        answer = {
            "items": list(page.records),
            "total": page.total,
            "has_more": page.has_more,
        }
        try:
            walk.take(cast("CallListResponse", answer))
        except ListMoved as fault:
            raise SourceUnreadable(
                account,
                f"the list of {window.start:%Y-%m-%d} moved too much to be read whole "
                f"({fault.message}); it is read again in the next run",
            ) from fault
        if walk.joined:
            yield listed_calls(page, account)


def _id_of(record: object) -> str | None:
    call_id = record.get("id") if type(record) is dict else None
    return call_id if type(call_id) is str else None
