"""Unknown outcomes, as `doctor` sees them: how late summaries are, and what waits."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from billing.domain.deadlines import deadlines_of
from billing.domain.summary_lag import lag_sentence
from billing.ledger.database import Ledger
from billing.ledger.reconcile.summary_lags import lags_measured
from billing.ledger.sync.open_items import open_items
from billing.pipeline.doctor.checks import Check

REMEDY = (
    "ask Stripe for each event that `status` names; if it does not count, bill it "
    "outside the meter, then `sync --void EVENT --reason TEXT`"
)


def check_outcomes(ledger: Ledger, now: datetime, grace: timedelta) -> Iterator[Check]:
    """Say how late summaries were seen to be, and what no proof comes for in time."""
    with ledger.reading() as connection:
        lags = lags_measured(connection, now)
        deadlines = [
            deadlines_of(item, grace, lags, now)
            for item in open_items(connection, now)
            if item.first_unknown_at is not None
        ]
    yield Check("summaries", True, lag_sentence(lags, now))
    undecided = [each for each in deadlines if each.outlasts_proof]
    if undecided:
        until = min(each.bill_until for each in undecided)
        found = (
            f"{len(undecided)} of unknown outcome are too old to wait for proof, the "
            f"first to be decided by {until:%Y-%m-%dT%H:%M:%SZ}"
        )
        yield Check("outcomes", False, found, REMEDY)
