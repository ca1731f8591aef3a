"""Rated call: a call as it was read, with what it costs whom."""

from datetime import datetime
from typing import NamedTuple

from billing.domain.call import Call, NotBillable
from billing.domain.call_metadata import NOTHING, CallMetadata
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge, Slot


class RatedCall(NamedTuple):
    """A call as it was read and rated, ready to be recorded."""

    call: Call
    period: BillingPeriod
    extract_sha256: str
    source_sha256: str
    not_billable: NotBillable | None
    due: tuple[Slot, Charge] | None
    price_date: datetime | None
    minutes_gap: int
    metadata: CallMetadata = NOTHING
    contradiction: str | None = None  # between its duration and its times

    @property
    def before_first_period(self) -> bool:
        """Whether its month is none that is billed here."""
        return self.not_billable is NotBillable.BEFORE_FIRST_PERIOD
