"""A cut-over: what stood before an hour is the other's, and from it on all is ours."""

from collections.abc import Iterator

import pytest

from billing.domain.break_causes import Cause
from billing.domain.meter_contact import Opening
from billing.errors import BadInput
from billing.ledger.audit.audit_log import Actor
from billing.ledger.close.period_close import freeze
from billing.ledger.database import Ledger
from billing.pipeline.adopt.cut_over import AdoptionState
from billing.pipeline.sync.send import Outcome
from billing.reports.status.first_contact import read_contacts
from tests.pipeline.adopt.another_program import DAY, HOUR, adopt, report
from tests.pipeline.bench import MARCH, NOON, START, Bench, call
from tests.pipeline.fakes import lose_answer

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


def test_readings_that_differ_begin_the_day_anew(fed: Bench) -> None:
    [waits] = adopt(fed, FROM)
    assert waits.until == START + DAY
    fed.clock.advance(hours=20)
    report(fed, 2)  # it was in flight
    [waits] = adopt(fed, FROM)
    assert waits.until == START + 20 * HOUR + DAY
    fed.clock.advance(hours=4)
    assert adopt(fed, FROM)[0].state is AdoptionState.WAITS
    fed.clock.advance(hours=20)
    [adopted] = adopt(fed, FROM)
    assert adopted.state is AdoptionState.ADOPTED
    assert [month.opening_minutes for month in adopted.months] == [7]


def test_a_reading_of_before_the_hour_proves_nothing(fed: Bench) -> None:
    [waits] = adopt(fed, START)
    fed.clock.advance(days=1)
    [adopted] = adopt(fed, START, reason=None)
    assert adopted.state is AdoptionState.POSSIBLE
    [waits] = adopt(fed, START + HOUR, reason=None)
    assert waits.until == START + 2 * DAY


def test_a_dry_run_keeps_nothing(fed: Bench) -> None:
    [looked] = adopt(fed, FROM, reason=None)
    assert looked.state is AdoptionState.WAITS
    assert [(m.opening_minutes, m.rated_minutes) for m in looked.months] == [(5, 5)]
    for name in ("shadow_reading", "adoption", "meter_opening", "meter_event"):
        assert fed.rows(f"SELECT count(*) FROM {name}") == [(0,)]


def test_what_was_queued_and_never_sent_is_counted_as_well(fed: Bench) -> None:
    fed.sync()
    assert fed.events() == [("pending", "", 0), ("pending", "", 0)]
    adopt(fed, FROM, sole=True)
    states = [("failed", "replaced", 0), ("pending", "", 0), ("synced", "", 0)]
    assert fed.events() == states


def test_what_has_no_final_answer_is_settled_first(fed: Bench) -> None:
    fed.state_sole_reporter()
    fed.meter.counted.clear()
    fed.meter.script = [lose_answer] * 6
    fed.sync()
    with pytest.raises(BadInput, match="1 events before 2026-03-10T13:00Z without a"):
        adopt(fed, FROM, sole=True)


def test_what_was_sent_before_stays_ours(fed: Bench) -> None:
    others, fed.meter.counted = fed.meter.counted, []
    fed.state_sole_reporter()
    fed.sync()
    fed.meter.counted += others
    fed.clock.advance(hours=3)
    [adopted] = adopt(fed, FROM, sole=True)
    assert [month.opening_minutes for month in adopted.months] == [5]
    assert adopted.months[0].rated_minutes == 0
    fed.clock.advance(hours=1)
    breaks = [(item.cause, item.minutes) for _, _, item in fed.reconcile().breaks]
    assert breaks == [(Cause.OPENING_DIFFERS, 5)]


def test_a_month_that_is_closed_or_not_billed_cannot_be_taken_over(fed: Bench) -> None:
    fed.first_period = MARCH.next
    with pytest.raises(BadInput, match=r"2026-03 is before first_period \(2026-04\)"):
        adopt(fed, FROM)
    fed.first_period = MARCH
    fed.clock.advance(days=30)
    fed.reconcile()
    with fed.ledger.writing() as connection:
        who = Actor("tests", fed.clock.now())
        freeze(connection, MARCH, who, run=1, reason=None)
    with pytest.raises(BadInput, match="2026-03 is closed, so nothing of it can be"):
        adopt(fed, FROM)
    assert fed.rows("SELECT count(*) FROM adoption") == [(0,)]


def test_only_a_later_hour_takes_over_again(fed: Bench) -> None:
    adopt(fed, FROM, sole=True)
    assert adopt(fed, FROM)[0].state is AdoptionState.ALREADY
    with pytest.raises(BadInput, match="taken over from 2026-03-10T13:00Z already"):
        adopt(fed, NOON)


def test_what_stands_where_a_customer_was_before_stops_it_until_that_is_decided(
    fed: Bench,
) -> None:
    assert fed.sync().contact.needs_a_person
    fed.stripe_customers["acme"] = "cus_moved"
    for _ in range(3):
        fed.clock.advance(days=1)
        assert fed.sync().contact.openings == [Opening("acme", MARCH, 5)]
    assert fed.counted() == {"acme": 5}
    [adopted] = adopt(fed, FROM, customers={"acme": "cus_moved"}, sole=True)
    assert adopted.state is AdoptionState.ADOPTED
    assert not fed.sync().contact.needs_a_person
    assert fed.counted() == {"acme": 7}
    assert read_contacts(fed.ledger, [MARCH], fed.clock.now()).openings == []


def test_what_is_not_ours_follows_a_customer_over_its_names_and_addresses(
    fed: Bench,
) -> None:
    assert fed.sync().contact.needs_a_person
    fed.name_customers(apex="cus_acme", globex="cus_globex")
    fed.name_customers(apex="cus_moved", globex="cus_globex")
    fed.pull()
    for _ in range(3):
        fed.clock.advance(days=1)
        assert fed.sync().contact.openings == [Opening("apex", MARCH, 5)]
    assert fed.counted() == {"acme": 5}
    [adopted] = adopt(fed, FROM, customers={"apex": "cus_moved"}, sole=True)
    assert adopted.state is AdoptionState.ADOPTED
    report = fed.sync()
    assert not report.contact.needs_a_person
    assert report.clean
    assert fed.counted() == {"acme": 7}
    assert read_contacts(fed.ledger, [MARCH], fed.clock.now()).openings == []


def test_a_cut_over_goes_on_under_a_customers_later_name(fed: Bench) -> None:
    adopt(fed, FROM, sole=True)
    fed.name_customers(apex="cus_acme", globex="cus_globex")
    fed.source.calls = [call("before", NOON, 360), call("after", FROM, 180)]
    fed.pull()
    fed.clock.advance(hours=1)
    assert not fed.sync().contact.needs_a_person
    assert fed.counted() == {"acme": 5, "apex": 3}
