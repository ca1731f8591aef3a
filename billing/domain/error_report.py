"""Rejections that come late: what a meter took, and then did not count."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.period import Window


@dataclass(frozen=True, slots=True)
class RejectionReport:
    """One report of the meter on events that it refused after taking them.

    It names a sample only: `error_count` may be larger than the number of identifiers.
    """

    name: str
    created_at: datetime
    window: Window  # when they were looked at; empty when the report does not say
    error_count: int
    codes: tuple[str, ...]
    identifiers: tuple[str, ...]  # of events, or the keys that they were sent with
