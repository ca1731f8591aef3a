"""Summary lags as `status` and `doctor` tell of them: the longest, and since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.summary_lag import (
    LagsMeasured,
    is_measured_for_long,
    lag_sentence,
    longest_lag_to_expect,
)
from billing.ledger.database import Ledger
from billing.ledger.reconcile.summary_lags import lags_measured
from billing.reports.sheets.formatting import Document, format_time

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class LagReport:
    """How late summaries were, and how long silence has to last therefore."""

    lags: LagsMeasured
    as_of: datetime

    def sentence(self) -> str:
        """Say it, as a sentence."""
        words = lag_sentence(self.lags, self.as_of)
        return f"{words[0].upper()}{words[1:]}."

    def document(self) -> Document:
        """Return the same with stable names."""
        longest = self.lags.longest
        expected = longest_lag_to_expect(self.lags, self.as_of)
        return {
            "longest_seconds": None if longest is None else longest // _SECOND,
            "measured_since": format_time(self.lags.since),
            "measured_for_long": is_measured_for_long(self.lags, self.as_of),
            "expected_seconds": expected // _SECOND,
        }


def read_lags(ledger: Ledger, now: datetime) -> LagReport:
    """Return how late summaries were; raises LedgerFault."""
    with ledger.reading() as connection:
        return LagReport(lags_measured(connection, now), now)
