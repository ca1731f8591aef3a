"""A cut-over: what stood before an hour is the other's, and from it on all is ours."""

from collections.abc import Iterator

import pytest

from billing.ledger.database import Ledger
from billing.pipeline.adopt.cut_over import AdoptionState
from billing.pipeline.sync.send import Outcome
from tests.pipeline.adopt.another_program import DAY, HOUR, adopt, report
from tests.pipeline.bench import NOON, START, Bench, call

FROM = NOON + HOUR
STATES = """
SELECT u.call_id, e.state FROM b2b_usage u LEFT JOIN meter_event e
ON e.id = u.meter_event_id ORDER BY u.hour, u.call_id
"""


@pytest.fixture
def fed(ledger: Ledger) -> Iterator[Bench]:
    """Give a new ledger on a meter that another program has fed until one o'clock."""
    bench = Bench(ledger=ledger, sole_reporter=False)
    report(bench, 5)
    bench.take(call("before", NOON, 300), call("after", FROM, 120))
    yield bench
    assert bench.meter.broken_rules == []


def test_what_stood_before_the_hour_is_not_sent_and_all_from_it_on_is(
    fed: Bench,
) -> None:
    assert fed.sync().contact.needs_a_person
    [waits] = adopt(fed, FROM)
    assert (waits.state, waits.until) == (AdoptionState.WAITS, START + DAY)
    fed.clock.advance(days=1)
    [adopted] = adopt(fed, FROM)
    assert adopted.state is AdoptionState.ADOPTED
    assert fed.rows(STATES) == [("before", "synced"), ("after", "pending")]
    assert fed.sync().outcomes == {Outcome.SYNCED: 1}
    assert fed.counted() == {"acme": 7}
    fed.clock.advance(hours=3)
    reconciled = fed.reconcile()
    assert [finding.difference_minutes for finding in reconciled.customers] == [0, 0]
    assert all(finding.agrees for finding in reconciled.customers)
