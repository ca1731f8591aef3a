"""What a closed month's documents say stays, and no two of them ever disagree."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.call_metadata import MetadataRule
from billing.domain.period import BillingPeriod
from billing.ledger.queries.billed_calls import billed_calls
from billing.ledger.queries.usage_totals import totals_by
from billing.reports.statement.statement import read_statement
from billing.reports.usage.rounding import read_rounding
from billing.reports.usage.what_if import read_terms, rerated
from tests.pipeline.bench import APRIL, MARCH, NOON, Bench, call
from tests.pipeline.close.test_close import close
from tests.pipeline.close.test_unclear_calls import decide

TERMS = read_terms(None, step=1, least=0)


def documents(bench: Bench, period: BillingPeriod = MARCH) -> str:
    """Return all that is written about a month's calls, as one text."""
    with rerated(bench.ledger, period, TERMS, by_call=True) as report:
        what_if = [report.document, *map(str, report.flat.rows)]
    return json.dumps(
        [
            read_rounding(bench.ledger, period).document,
            what_if,
            read_statement(bench.ledger, period, "acme").document(),
        ],
        default=str,
    )


def seconds(bench: Bench, period: BillingPeriod = MARCH) -> set[int]:
    """Return what each document says of the seconds of a month's only call."""
    with bench.ledger.reading() as connection:
        [billed] = billed_calls(connection, period)
    rounding = read_rounding(bench.ledger, period).flat.rows
    [talked] = [row[3] for row in rounding]
    statement = read_statement(bench.ledger, period, "acme")
    last = [each.seconds for each in statement.month.corrections]
    return {billed.seconds, int(str(talked)), (last or [statement.usage[1]])[-1] or 0}


def closed(bench: Bench) -> None:
    """Send and close March."""
    bench.sync()
    bench.clock.advance(days=23)
    assert close(bench).obstacles == ()


CHANGES = [
    pytest.param([{"duration_seconds": 119}], 119, id="seconds, not minutes"),
    pytest.param([{"duration_seconds": 300}], 300, id="minutes"),
    pytest.param(
        [{"duration_seconds": 119}, {"duration_seconds": 300}], 300, id="both in turn"
    ),
    pytest.param(
        [{"duration_seconds": 300}, {"duration_seconds": 241}], 241, id="and reverse"
    ),
    pytest.param([{"ended_at": None}], 61, id="neither"),
]


@pytest.mark.parametrize(("changes", "told"), CHANGES)
def test_every_document_of_an_open_month_says_what_was_read_last(
    either_bench: Bench, changes: list[dict[str, object]], told: int
) -> None:
    bench = either_bench
    bench.take(call("c", seconds=61))
    for change in changes:
        bench.source.change("c", **change)
        bench.pull()
    assert seconds(bench) == {told}


@pytest.mark.parametrize(("changes", "told"), CHANGES)
def test_a_closed_month_says_what_was_recorded_at_its_close_whatever_comes_later(
    bench: Bench, changes: list[dict[str, object]], told: int
) -> None:
    bench.take(call("c", seconds=61))
    for change in changes:
        bench.source.change("c", **change)
        bench.pull()
    closed(bench)
    before = documents(bench)
    for later in (told + 1, told - 1, 900, 899, 61):
        bench.source.change("c", duration_seconds=later)
        bench.pull()
        assert seconds(bench) == {told}
        assert documents(bench) == before
    april = read_statement(bench.ledger, APRIL, "acme").month.corrections
    assert [each.seconds for each in april][-1] == 61


@pytest.mark.parametrize("seconds", [300, None])
def test_what_is_decided_after_a_close_is_told_where_it_is_billed(
    bench: Bench, seconds: int | None
) -> None:
    bench.take(call("c", seconds=61), call("odd", seconds=-1))
    decide(bench, 120)
    closed(bench)
    before = documents(bench)
    decide(bench, seconds)
    assert documents(bench) == before
    told = read_statement(bench.ledger, MARCH, "acme").month.decided
    assert [(each.seconds, each.in_force) for each in told] == [(120, True)]
    told = read_statement(bench.ledger, APRIL, "acme").month.decided
    assert [(each.seconds, each.in_force) for each in told] == [
        (120, False),
        (seconds, True),
    ]


def test_what_is_not_billed_by_decision_is_on_the_statement_too(bench: Bench) -> None:
    bench.take(call("c"), call("odd", seconds=-1))
    decide(bench, None)
    told = read_statement(bench.ledger, MARCH, "acme").month.decided
    assert [(each.call_id, each.seconds, each.minutes) for each in told] == [
        ("odd", None, 0)
    ]


def test_a_month_that_was_closed_by_an_earlier_version_says_what_was_frozen(
    bench: Bench,
) -> None:
    bench.take(call("c", seconds=61))
    bench.source.change("c", duration_seconds=119)
    bench.pull()
    bench.execute(
        "INSERT INTO period_close (period, closed_at, closed_by, digest, totals) "
        f"VALUES ('2026-03', '{NOON.isoformat()}', 'kim', 'x', '{{}}')"
    )
    assert seconds(bench) == {61}


def test_what_calls_say_of_themselves_stays_as_it_was_at_the_close(
    bench: Bench,
) -> None:
    rule = MetadataRule(("campaign",), timedelta(days=400))
    bench.rules = replace(bench.rules, metadata=rule)
    bench.take(call("c", metadata={"campaign": "spring"}))
    closed(bench)
    bench.source.change("c", metadata={"campaign": "summer"}, duration_seconds=90)
    bench.take(call("late", metadata={"campaign": "summer"}))
    with bench.ledger.reading() as connection:
        march = totals_by(connection, MARCH, "metadata:campaign")
        april = totals_by(connection, APRIL, "metadata:campaign")
    assert set(march) == {"spring"}
    assert set(april) == {"spring", "summer"}
