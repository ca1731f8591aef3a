"""Read times: as of when the figures of a reconciliation were read, in words."""

from collections.abc import Iterable
from datetime import datetime

from billing.reports.sheets.formatting import format_time


def read_sentence(
    calls_read_at: Iterable[datetime | None], read_at: datetime | None
) -> str:
    """Say as of when each account's calls, the ledger and Stripe were read."""
    beside = f"the ledger and Stripe as of {format_time(read_at)}."
    moments = list(calls_read_at)
    known = [moment for moment in moments if moment is not None]
    if not known or len(known) < len(moments):
        return f"Pamela's calls were not all read whole yet; {beside}"
    first, last = format_time(min(known)), format_time(max(known))
    span = f"{first}" if first == last else f"{first} to {last}, by account"
    return f"Pamela's calls as read whole at {span}; {beside}"
