"""What a person decides of a cut-over: it is undone, its difference sent or left."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from billing.domain.break_causes import Cause
from billing.domain.period import BillingPeriod
from billing.errors import AnotherProcess, BadInput
from billing.ledger.database import Hold, Ledger
from billing.pipeline.adopt.cut_over import AdoptionState
from billing.pipeline.adopt.decide import (
    DecidedDifference,
    DifferenceChoice,
    decide_difference,
    undo_adoption,
)
from billing.pipeline.integrity import require_invariants
from billing.pipeline.sync.send import Outcome
from tests.pipeline.adopt.another_program import HOUR, adopt, report
from tests.pipeline.bench import MARCH, NOON, Bench, call

FROM = NOON + HOUR
SEND, LEAVE = DifferenceChoice.SEND, DifferenceChoice.LEAVE


@pytest.fixture
def fed(ledger: Ledger) -> Iterator[Bench]:
    """Give a new ledger on a meter that another program has fed until one o'clock."""
    bench = Bench(ledger=ledger, sole_reporter=False)
    yield bench
    require_invariants(bench.ledger, bench.clock.now())
    assert bench.meter.broken_rules == []


def take_over(bench: Bench) -> None:
    [adopted] = adopt(bench, FROM, sole=True)
    assert adopted.state is AdoptionState.ADOPTED


def decide(
    bench: Bench, choice: DifferenceChoice, customer: str = "acme"
) -> list[DecidedDifference]:
    now = bench.clock.now()
    return decide_difference(
        bench.ledger, "tests", now, customer, choice, reason="we looked"
    )


def breaks(bench: Bench) -> list[tuple[Cause, int, datetime | None]]:
    bench.clock.advance(hours=3)
    for _ in range(2):
        reconciled = bench.reconcile()
        bench.clock.advance(hours=1)
    assert all(not each.unexplained_minutes for each in reconciled.customers)
    return [(item.cause, item.minutes, item.hour) for _, _, item in reconciled.breaks]


def settled(bench: Bench) -> bool:
    return breaks(bench) == []


@pytest.mark.parametrize(
    ("reported", "rated", "left"), [(5, 8, 8), (8, 5, 5), (0, 3, 3), (4, 0, 0)]
)
def test_a_difference_is_a_break_that_a_person_has_sent(
    fed: Bench, reported: int, rated: int, left: int
) -> None:
    if reported:
        report(fed, reported)
    if rated:
        fed.take(call("before", NOON, rated * 60))
    fed.take(call("after", FROM, 600))
    take_over(fed)
    fed.sync()
    difference = reported - rated
    assert breaks(fed) == [(Cause.OPENING_DIFFERS, difference, NOON)]
    assert decide(fed, SEND) == [DecidedDifference(MARCH, difference, FROM)]
    assert fed.sync().outcomes == {Outcome.SYNCED: 1}
    assert fed.counted() == {"acme": left + 10}
    assert settled(fed)
    with pytest.raises(BadInput, match="no difference to decide"):
        decide(fed, SEND)


def test_what_is_left_is_acknowledged_for_good(fed: Bench) -> None:
    report(fed, 8)
    fed.take(call("before", NOON, 300), call("after", FROM, 60))
    take_over(fed)
    fed.sync()
    with pytest.raises(BadInput, match="run `pamela-billing reconcile 2026-03`"):
        decide(fed, LEAVE)
    assert breaks(fed) == [(Cause.OPENING_DIFFERS, 3, NOON)]
    assert decide(fed, LEAVE) == [DecidedDifference(MARCH, 3)]
    query = "SELECT cause, reason FROM break_case WHERE resolved_at IS NULL"
    assert fed.rows(query) == [("opening_differs", "we looked")]
    breaks(fed)
    assert fed.rows(query) == [("opening_differs", "we looked")]
    with pytest.raises(BadInput, match="no difference to decide"):
        decide(fed, LEAVE)
    assert fed.counted() == {"acme": 9}


def test_a_call_before_the_cut_over_that_changes_later_is_a_difference_of_the_opening(
    fed: Bench,
) -> None:
    """Whether the other program had counted the change, nobody here can know."""
    report(fed, 5)
    fed.take(call("c", NOON, 300), call("after", FROM, 60))
    take_over(fed)
    fed.sync()
    fed.source.calls[0] = call("c", NOON, 420)
    fed.pull()
    assert fed.sync().outcomes == {}
    assert breaks(fed) == [(Cause.OPENING_DIFFERS, -2, NOON)]
    decide(fed, SEND)
    fed.sync()
    assert fed.counted() == {"acme": 8}
    assert settled(fed)
    fed.source.calls[0] = call("c", NOON, 60)
    fed.pull()
    assert fed.sync().outcomes == {}
    assert breaks(fed) == [(Cause.OPENING_DIFFERS, 6, None)]
    decide(fed, SEND)
    fed.sync()
    assert fed.counted() == {"acme": 2}
    assert settled(fed)


def test_what_a_day_at_once_reports_ties_by_the_month(fed: Bench) -> None:
    report(fed, 6, NOON.replace(hour=0))
    fed.take(call("a", NOON, 240), call("b", NOON - HOUR, 120), call("after", FROM, 60))
    take_over(fed)
    fed.sync()
    assert settled(fed)


def test_it_is_undone_until_the_first_send(fed: Bench) -> None:
    report(fed, 5)
    fed.take(call("before", NOON, 300), call("after", FROM, 60))
    take_over(fed)
    undo_adoption(fed.ledger, "tests", fed.clock.now(), "acme", "too early")
    require_invariants(fed.ledger, fed.clock.now())
    assert fed.sync().contact.needs_a_person
    fed.clock.advance(days=2)
    assert fed.sync().contact.needs_a_person
    assert fed.counted() == {"acme": 5}
    take_over(fed)
    fed.sync()
    assert fed.counted() == {"acme": 6}
    with pytest.raises(BadInput, match="1 events of acme were sent since"):
        undo_adoption(fed.ledger, "tests", fed.clock.now(), "acme", "too late")
    with pytest.raises(BadInput, match="those taken over are acme"):
        undo_adoption(fed.ledger, "tests", fed.clock.now(), "globex", "why")
    assert settled(fed)


def test_a_reporter_that_comes_back_stops_the_sending_until_it_is_taken_over_again(
    fed: Bench,
) -> None:
    report(fed, 5)
    fed.take(call("before", NOON, 300), call("after", FROM, 60))
    take_over(fed)
    fed.sync()
    report(fed, 1, FROM)
    assert (Cause.FOREIGN_EVENT, 1, FROM) in breaks(fed)
    fed.take(call("later", FROM + HOUR, 120))
    assert fed.sync().contact.needs_a_person
    [again] = adopt(fed, FROM + HOUR, sole=True)
    assert again.state is AdoptionState.ADOPTED
    assert not fed.sync().contact.needs_a_person
    assert breaks(fed) == [(Cause.OPENING_DIFFERS, 1, FROM)]
    decide(fed, SEND)
    fed.sync()
    assert fed.counted() == {"acme": 8}
    assert settled(fed)


def test_the_month_before_is_taken_over_with_it(fed: Bench) -> None:
    april = BillingPeriod(2026, 4)
    report(fed, 5)
    fed.take(call("before", NOON, 540))
    fed.clock.advance(days=22)
    fed.source.calls.append(call("after", april.start + 2 * HOUR, 60))
    fed.pull(april)
    [adopted] = adopt(fed, april.start + HOUR, sole=True)
    assert [month.opening_minutes for month in adopted.months] == [5, 0]
    fed.sync()
    assert fed.counted() == {"acme": 6}
    assert breaks(fed) == [(Cause.OPENING_DIFFERS, -4, NOON)]
    [decided] = decide(fed, SEND)
    assert decided.hour == april.start - HOUR
    fed.sync()
    assert fed.counted() == {"acme": 10}
    assert settled(fed)


def test_a_renamed_customers_cut_over_is_undone_by_its_present_name(fed: Bench) -> None:
    report(fed, 5)
    fed.take(call("before", NOON, 300))
    take_over(fed)
    fed.name_customers(apex="cus_acme", globex="cus_globex")
    undo_adoption(fed.ledger, "tests", fed.clock.now(), "apex", "not yet")
    assert fed.sync().contact.needs_a_person
    assert fed.counted() == {"acme": 5}


def test_what_changes_before_a_cut_over_is_decided_by_the_present_name(
    fed: Bench,
) -> None:
    report(fed, 5)
    fed.take(call("before", NOON, 300), call("after", FROM))
    take_over(fed)
    fed.sync()
    fed.name_customers(apex="cus_acme", globex="cus_globex")
    fed.source.calls[0] = call("before", NOON, 420)
    fed.pull()
    fed.sync()
    assert fed.counted() == {"acme": 6}
    assert breaks(fed) != []
    for customer in ("acme", "apex"):
        decide(fed, SEND, customer)
    fed.sync()
    assert sum(fed.counted().values()) == 8
    assert settled(fed)


class Taken:
    """Locks that another process holds, all of them."""

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        yield None


def test_nothing_is_decided_while_another_process_holds_the_customer(
    fed: Bench,
) -> None:
    take_over(fed)
    fed.ledger = Ledger(fed.ledger.engine, Taken())
    with pytest.raises(AnotherProcess):
        decide(fed, LEAVE)
