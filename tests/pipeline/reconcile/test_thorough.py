"""Thorough: an account's total never stands in for its customers and its calls."""

from dataclasses import replace
from datetime import timedelta

from billing.domain.break_causes import Cause
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.reconcile.reconcile import CLOSELY
from tests.ledger.bookkeeping import close_period
from tests.pipeline.bench import MARCH, NOON, Bench, call, of

HOUR = timedelta(hours=1)


def settled_books(bench: Bench) -> None:
    """Bring two customers level on all three sides."""
    bench.take(
        call("a", seconds=300),
        call("b", NOON + HOUR, seconds=120),
        call("g", seconds=300, **of("globex")),
    )
    bench.sync()


def swap(bench: Bench) -> None:
    """Let two calls of equal minutes change their customers."""
    bench.source.change("a", metadata={"customer": "globex"})
    bench.source.change("g", metadata={"customer": "acme"})


def one_more_and_one_less(bench: Bench) -> None:
    """Let one customer have a minute more, and the other one less."""
    bench.source.change("a", duration_seconds=360)
    bench.source.change("g", duration_seconds=240)


def found(report: Reconciliation) -> dict[str, dict[str, int]]:
    """Return the calls that each customer's breaks name, with their minutes."""
    for each in report.customers:
        assert each.unexplained_minutes == 0
    return {
        each.customer: {item.calls[0]: item.minutes for item in each.breaks}
        for each in report.customers
    }


def test_minutes_that_moved_between_customers_are_named(either_bench: Bench) -> None:
    bench = either_bench
    settled_books(bench)
    swap(bench)
    report = bench.reconcile(depth=CLOSELY)
    assert found(report) == {"acme": {"a": 5, "g": -5}, "globex": {"a": -5, "g": 5}}
    causes = {item.cause for one in report.customers for item in one.breaks}
    assert causes == {Cause.CHANGED_CALL}
    assert not report.clean


def test_a_minute_more_and_a_minute_less_are_named(bench: Bench) -> None:
    settled_books(bench)
    one_more_and_one_less(bench)
    report = bench.reconcile(depth=CLOSELY)
    assert found(report) == {"acme": {"a": -1}, "globex": {"g": 1}}
    figures = [(one.pamela_minutes, one.ledger_minutes) for one in report.customers]
    assert figures == [(8, 7), (4, 5)]


def test_a_closed_month_is_read_just_so(bench: Bench) -> None:
    settled_books(bench)
    bench.clock.advance(days=23)
    close_period(bench.ledger, MARCH)
    one_more_and_one_less(bench)
    report = bench.reconcile(depth=CLOSELY)
    assert found(report) == {"acme": {"a": -1}, "globex": {"g": 1}}


def test_what_did_not_change_is_clean(bench: Bench) -> None:
    settled_books(bench)
    assert bench.reconcile(depth=CLOSELY).clean


def test_a_call_without_change_is_whose_it_was_billed_to(bench: Bench) -> None:
    settled_books(bench)
    account = replace(bench.rules.account, customer="globex")
    bench.rules = replace(bench.rules, account=account)
    assert bench.reconcile(depth=CLOSELY).clean


def test_a_call_of_a_customer_that_left_was_not_deleted(bench: Bench) -> None:
    settled_books(bench)
    bench.name_customers(acme="cus_acme")
    report = bench.reconcile(depth=CLOSELY)
    assert found(report) == {"acme": {}, "globex": {}}
    bench.source.minutes = 15  # so that it is read without being asked to
    [account] = bench.reconcile().accounts
    assert [item.minutes for item in account.breaks] == [-3]


def test_minutes_that_are_not_by_the_rule_are_told_once(bench: Bench) -> None:
    settled_books(bench)
    bench.take(call("gap", NOON + HOUR, seconds=60, billed_minutes=3))
    bench.sync()
    report = bench.reconcile(depth=CLOSELY)
    assert found(report)["acme"] == {"gap": -2}


def test_every_figure_says_as_of_when_it_was_read(bench: Bench) -> None:
    settled_books(bench)
    pulled_at = bench.clock.now()
    bench.clock.advance(hours=5)
    report = bench.reconcile()
    [account] = report.accounts
    assert (account.calls_read_at, account.usage_read_at) == (
        pulled_at,
        bench.clock.now(),
    )
    assert report.calls_read_at == pulled_at
    report = bench.reconcile(depth=CLOSELY)
    assert report.calls_read_at == bench.clock.now()
    kept = "SELECT account, calls_minutes, usage_minutes FROM reconciliation_source"
    assert bench.rows(kept) == [("main", 12, 12)] * 2


def test_before_the_first_pull_nobody_knows_as_of_when(bench: Bench) -> None:
    assert bench.reconcile().calls_read_at is None
