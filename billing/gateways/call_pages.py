"""Pages of Pamela's calls: each record is read, and a list that moves is read whole."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from billing.domain.call import MOST_MINUTES, Call, Quarantined
from billing.domain.call_fields import read_count, read_status, read_time
from billing.domain.period import Window
from billing.errors import SourceUnreadable
from billing.gateways.source_calls import Record, digest_of, readable_time, understand
from billing.ports import SourceCall
from pamela import ListMoved, PageWalk

if TYPE_CHECKING:
    from pamela import CallListResponse

PAGE_SIZE = 100
# A list that is longer, or grows faster while it is read, has no end.
MOST_CALLS_A_DAY = 1_000_000
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


def as_source_call(record: object, account: str) -> SourceCall:
    """Return what crosses the border of a record."""
    metadata = record.get("metadata") if isinstance(record, Mapping) else None
    call, digest = read_call(record, account), digest_of(record)
    unread = not isinstance(call, Call)
    return SourceCall(
        call=call,
        sha256=digest,
        metadata=metadata,
        created_at=readable_time(record, "created_at") if unread else None,
        started_at=readable_time(record, "started_at") if unread else None,
    )


def walk_calls(
    account: str, window: Window, read_page: Callable[[int], CallPage]
) -> Iterator[Sequence[SourceCall]]:
    """Read a list that moves, from the newest call to the oldest, losing none.

    `read_page` reads the page at an offset; raises SourceUnreadable.
    """
    walk, most = PageWalk(PAGE_SIZE), 0
    while offsets := walk.plan():
        page = read_page(offsets[0])
        most = most or 2 * page.total + MOST_GROWTH
        if page.total > MOST_CALLS_A_DAY or offsets[0] > most:
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
            yield [as_source_call(record, account) for record in page.records]
