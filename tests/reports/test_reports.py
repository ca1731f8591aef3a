"""Reports add up, keep corrections apart, and follow each row to the meter."""

from datetime import timedelta

import pytest

from billing.domain.metering import Answer, FailReason, Verdict
from billing.errors import BadInput
from billing.ledger import outbox
from billing.ledger.attempts import Answered, Attempt, record_answers, record_attempts
from billing.ledger.database import Ledger
from billing.ledger.interventions import retry_rejected
from billing.ledger.usage_totals import Key
from billing.reports.cells import text_rows
from billing.reports.overview import count_attempts
from billing.reports.standing import read_standing, standing_document
from billing.reports.statement import read_statement
from billing.reports.usage import read_usage
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    stage,
    unsynced,
)

DAY = timedelta(days=1)


def fill(ledger: Ledger) -> None:
    """Bill 2 + 1 minutes to acme on two days, 1 to globex; correct the first by +3."""
    record(
        ledger,
        reading("call_1", seconds=61),
        reading("call_2", seconds=0, started_at=NOON + DAY),
    )
    record(ledger, reading("call_3", seconds=1, customer="globex", account="other"))
    record(ledger, reading("call_1", seconds=300))


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("customer", {"acme": (2, 3, 3, "0.60"), "globex": (1, 1, 0, "0.10")}),
        ("account", {"main": (2, 3, 3, "0.60"), "other": (1, 1, 0, "0.10")}),
        (
            "day",
            {"2026-03-10": (2, 3, 3, "0.60"), "2026-03-11": (1, 1, 0, "0.10")},
        ),
    ],
)
def test_usage_adds_up_by_every_key(
    ledger: Ledger, key: Key, lines: dict[str, tuple[object, ...]]
) -> None:
    fill(ledger)
    report = read_usage(ledger, MARCH, key)
    fields = ("calls", "minutes", "adjusted_minutes", "billed_amount")
    found = {
        name: tuple(report.line(total)[field] for field in fields)
        for name, total in report.totals.items()
    }
    assert found == lines
    assert report.total.billed_minutes == 7
    assert report.document()["total"] == report.line(report.total)
    table = text_rows(report.report().flat)
    assert table[-1][0] == "total"
    assert [line[-1] for line in table] == [line[-1] for line in lines.values()] + [
        "0.70"
    ]


def test_a_month_without_calls_is_an_empty_report(ledger: Ledger) -> None:
    report = read_usage(ledger, APRIL, "customer")
    assert report.document()["rows"] == []
    assert report.total.billed_amount_micro == 0


def test_a_statement_keeps_corrections_apart_from_days(ledger: Ledger) -> None:
    fill(ledger)
    document = read_statement(ledger, MARCH, "acme").document()
    assert document["days"] == [
        {"day": "2026-03-10", "calls": 1, "minutes": 2, "amount": "0.20"},
        {"day": "2026-03-11", "calls": 1, "minutes": 1, "amount": "0.10"},
    ]
    assert document["usage"] == {"calls": 2, "minutes": 3, "amount": "0.30"}
    assert document["adjusted"] == {"minutes": 3, "amount": "0.30"}
    assert document["total"] == {"minutes": 6, "amount": "0.60"}
    assert document["adjustments"] == [
        {
            "call": "call_1",
            "account": "main",
            "hour": "2026-03-10T12:00:00Z",
            "posted_at": "2026-03-12T12:00:00Z",
            "minutes": 3,
            "amount": "0.30",
        }
    ]


def test_a_correction_downwards_is_a_negative_amount(ledger: Ledger) -> None:
    record(ledger, reading("call_1", seconds=300))
    record(ledger, reading("call_1", seconds=61))
    table = text_rows(read_statement(ledger, MARCH, "acme").report().flat)
    assert table == [
        ["usage", "2026-03-10", "", "1", "5", "0.50"],
        ["adjustment", "2026-03-10", "call_1", "", "-3", "-0.30"],
        ["total", "", "", "1", "2", "0.20"],
    ]


def test_a_statement_of_nobody_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="no customer nobody; the ledger knows acme"):
        read_statement(ledger, MARCH, "nobody")


def state_of(ledger: Ledger) -> tuple[dict[str, int], dict[str, int], object]:
    [month] = read_standing(ledger, [MARCH])
    document = standing_document([month], ACTOR.at)
    listed = document["periods"]
    assert isinstance(listed, list)
    entry = listed[0]
    assert document["rows"] == entry["rows"]
    return entry["rows"], entry["failed_reasons"], entry["oldest_pending"]


def test_the_standing_follows_a_row_to_the_meter(ledger: Ledger) -> None:
    record(ledger, reading("call_1"), reading("call_2", started_at=NOON + HOUR))
    unstaged = {"pending": 2, "synced": 0, "failed": 0}
    assert state_of(ledger) == (unstaged, {}, "2026-03-10T12:00:00Z")
    assert stage(ledger) == 2
    assert state_of(ledger)[0] == unstaged
    first, second = unsynced(ledger)
    with ledger.writing() as connection:
        record_attempts(connection, [Attempt(first, "tests", "a", ACTOR.at)])
        answer = Answer(Verdict.COUNTED, 200, "req_1")
        record_answers(connection, [Answered(first, answer, ACTOR.at)])
    synced = {"pending": 1, "synced": 1, "failed": 0}
    assert state_of(ledger) == (synced, {}, "2026-03-10T13:00:00Z")
    with ledger.writing() as connection:
        outbox.move_to_failed(connection, second, FailReason.REJECTED)
    failed = {"pending": 0, "synced": 1, "failed": 1}
    assert state_of(ledger) == (failed, {"rejected": 1}, None)
    assert count_attempts(ledger) == {"counted": 1}
    with ledger.writing() as connection:
        assert retry_rejected(connection, ACTOR, "acme") == 1
    assert state_of(ledger) == (synced, {}, "2026-03-10T13:00:00Z")
    assert stage(ledger) == 1
    assert state_of(ledger) == (synced, {}, "2026-03-10T13:00:00Z")
