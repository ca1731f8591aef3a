"""A second source, made up: it names its fields otherwise, and pages by a cursor."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256

from billing.domain.account_identity import SourceIdentity
from billing.domain.call import Call, QuarantineReason, Unreadable
from billing.domain.period import BillingPeriod, Window
from billing.gateways.source_calls import Record, digest_of, understand
from billing.ports import SourceCall, SourceTotals

PAGE_SIZE = 2
STATUSES = {
    "completed": "completed",
    "in-progress": "in_progress",
    "no-answer": "failed",
    "canceled": "cancelled",
}


class OtherSource:
    """One account of another provider of calls."""

    def __init__(self, records: Sequence[object]) -> None:
        self.records = records

    @property
    def account(self) -> str:
        """The account's name in the ledger."""
        return "main"

    @property
    def label(self) -> str:
        """The account's name in the settings."""
        return "main"

    def named(self, account: str) -> "OtherSource":
        """Return the same source: it has one name."""
        return self

    def key_digest(self, salt: str) -> str:
        """Return a digest of the key."""
        return sha256(f"{salt} key".encode()).hexdigest()

    def read_identity(self) -> SourceIdentity:
        """Say nothing: this provider knows no partners."""
        return SourceIdentity(None, None)

    def list_calls(self, window: Window) -> Iterator[Sequence[SourceCall]]:
        """Read the calls created in a window; a cursor never moves."""
        calls = [as_source_call(record) for record in self.records]
        inside = [told for told in calls if created_in(told, window)]
        for start in range(0, len(inside), PAGE_SIZE):
            yield inside[start : start + PAGE_SIZE]

    def get_call(self, call_id: str) -> SourceCall | None:
        """Read one call."""
        calls = (as_source_call(record) for record in self.records)
        return next((told for told in calls if told.call.call_id == call_id), None)

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Say nothing: this provider has no totals."""
        return SourceTotals(None, None)


def as_source_call(record: object) -> SourceCall:
    """Return what crosses the border of a record."""
    call = understand(record, read_call, account="main", id_field="sid")
    tags = record.get("tags") if isinstance(record, Mapping) else None
    return SourceCall(call=call, sha256=digest_of(record), metadata=tags)


def read_call(call_id: str, record: Record) -> Call:
    """Read a record by this provider's names: dates as in mail, numbers as texts."""
    status, seconds = record.get("status"), record.get("duration")
    if status not in STATUSES:
        raise Unreadable(QuarantineReason.UNKNOWN_STATUS, "status", status)
    return Call(
        account="main",
        call_id=call_id,
        status=STATUSES[str(status)],
        created_at=read_date(record, "date_created"),
        started_at=read_date(record, "start_time"),
        ended_at=read_date(record, "end_time"),
        duration_seconds=None if seconds is None else int(str(seconds)),
        source_minutes=None,
        customer_key=None,
    )


def read_date(record: Record, field: str) -> datetime | None:
    """Read a date as mail has it."""
    text = record.get(field)
    return None if text is None else parsedate_to_datetime(str(text)).astimezone(UTC)


def created_in(told: SourceCall, window: Window) -> bool:
    """Say whether a window's list shows a call; what is unreadable, all do."""
    if not isinstance(told.call, Call) or told.call.created_at is None:
        return True
    return window.start <= told.call.created_at < window.end
