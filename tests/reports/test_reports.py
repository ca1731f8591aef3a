"""Reports add up, keep corrections apart, and follow each row to the meter."""

import pytest

from billing.domain.meter_event import FailReason, SendAnswer, SendVerdict
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.queries.usage_totals import Key
from billing.ledger.sync import outbox
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from billing.ledger.sync.operator_actions import refused_events, retry_rejected
from billing.reports.sheets.cells import text_rows
from billing.reports.status.periods import read_status, status_document
from billing.reports.usage.overview import count_attempts
from billing.reports.usage.report import format_heading, read_usage
from billing.reports.usage.usage_workbook import usage_report
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    stage,
    start_pull,
    unsynced,
)
from tests.reports.bookkeeping import fill


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("customer", {"acme": (2, 3, 3, "0.60"), "globex": (1, 1, 0, "0.10")}),
        ("account", {"main": (2, 3, 3, "0.60"), "other": (1, 1, 0, "0.10")}),
        (
            "day",
            {"2026-03-10": (2, 3, 3, "0.60"), "2026-03-11": (1, 1, 0, "0.10")},
        ),
        (
            "hour",
            {
                "2026-03-10T12:00:00Z": (2, 3, 3, "0.60"),
                "2026-03-11T12:00:00Z": (1, 1, 0, "0.10"),
            },
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
        format_heading(name): tuple(report.line(total)[field] for field in fields)
        for name, total in report.totals.items()
    }
    assert found == lines
    assert report.total.billed_minutes == 7
    assert report.document()["total"] == report.line(report.total)
    table = text_rows(usage_report(report).flat)
    assert table[-1][0] == "total"
    assert [line[-1] for line in table] == [line[-1] for line in lines.values()] + [
        "0.70"
    ]


def test_a_month_without_calls_is_an_empty_report(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        start_pull(connection, APRIL)
    report = read_usage(ledger, APRIL, "customer")
    assert report.document()["rows"] == []
    assert report.total.billed_amount_micro == 0


def test_a_month_that_was_never_read_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="holds nothing of 2026-04; read it with"):
        read_usage(ledger, APRIL, "customer")


def state_of(ledger: Ledger) -> tuple[dict[str, int], dict[str, int], object]:
    [month] = read_status(ledger, [MARCH])
    document = status_document([month], ACTOR.at)
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
        record_attempts(
            connection,
            [
                Attempt(
                    event=first, owner="tests", idempotency_key="a", started_at=ACTOR.at
                )
            ],
        )
        answer = SendAnswer(SendVerdict.COUNTED, 200, "req_1")
        record_answers(connection, [Answered(first, answer, ACTOR.at)])
    synced = {"pending": 1, "synced": 1, "failed": 0}
    assert state_of(ledger) == (synced, {}, "2026-03-10T13:00:00Z")
    with ledger.writing() as connection:
        outbox.move_to_failed(connection, second, FailReason.REJECTED)
    failed = {"pending": 0, "synced": 1, "failed": 1}
    assert state_of(ledger) == (failed, {"rejected": 1}, None)
    assert count_attempts(ledger) == {"counted": 1}
    with ledger.writing() as connection:
        refused = refused_events(connection, "acme")
        assert retry_rejected(connection, ACTOR, "acme", refused) == 1
    assert state_of(ledger) == (synced, {}, "2026-03-10T13:00:00Z")
    assert stage(ledger) == 1
    assert state_of(ledger) == (synced, {}, "2026-03-10T13:00:00Z")
