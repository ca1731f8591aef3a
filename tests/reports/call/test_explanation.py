"""A call is explained from what the source said to the invoice, or why it is none."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from billing.errors import BadInput
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.pull import quarantine
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.schema.tables import reconciliation_reading
from billing.ledger.sync import event_rows, outbox
from billing.reports.call.explanation import explanation_document, read_trace
from billing.reports.call.page import PagePart, page_of
from billing.reports.call.verdict import verdict_on
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    rows,
    stage,
    start_pull,
)
from tests.ledger.filling import set_aside_and_reconcile
from tests.ledger.integrity.sound_ledger import fill_soundly

TALKING = reading("talking", started_at=NOON, seconds=None, status="in_progress")


@pytest.fixture
def filled(ledger_url: str) -> Iterator[Ledger]:
    """Give a ledger with a call of every kind, reconciled and invoiced."""
    ledger = open_ledger(ledger_url)
    fill_soundly(ledger)
    set_aside_and_reconcile(ledger)
    record(ledger, TALKING, reading("twin"))
    twin = reading("twin", account="other", customer="globex")
    later = twin.call._replace(created_at=NOON)  # another call: made at another time
    record(ledger, twin._replace(call=later, extract_sha256=later.digest()))
    nothing = SetAside(
        account="main",
        call_id="strange",
        reason="no_duration",
        detail="it is None",
        source_sha256="0" * 64,
        period=MARCH,
    )
    with ledger.writing() as connection:
        number = start_pull(connection)
        quarantine.set_aside(
            connection, [nothing], period=MARCH, pull_id=number, now=ACTOR.at
        )
    yield ledger
    ledger.close()


def said(ledger: Ledger, call_id: str) -> str:
    return verdict_on(read_trace(ledger, call_id, None))


def page(ledger: Ledger, call_id: str) -> dict[str, PagePart]:
    return {part.title: part for part in page_of(read_trace(ledger, call_id, None))}


@pytest.mark.parametrize(
    ("call_id", "verdict"),
    [
        (
            "plain",  # of its hour two minutes are missing, whosever they are
            (
                "billed: 2 minutes, $0.20: taken by Stripe at 2026-03-12T12:00:00Z, "
                "whose summary does not show all of its hour, on no invoice yet"
            ),
        ),
        (
            "less",
            (
                "billed: 2 minutes, $0.20: counted by Stripe at 2026-03-12T13:00:00Z, "
                "on no invoice yet"
            ),
        ),
        (
            "late",
            (
                "billed: 2 minutes, $0.20, 2 of it in 2026-03 as 2026-02 is closed: "
                "to be reported by a sync, when the hour is over, on no invoice yet"
            ),
        ),
        (
            "february",
            (
                "billed: 4 minutes, $0.40, 2 of it in 2026-03 as 2026-02 is closed: 2 "
                "counted by Stripe at 2026-03-12T12:00:00Z. 2 to be reported by a "
                "sync, when the hour is over, on no invoice yet"
            ),
        ),
        (
            "never",
            (
                "not billed: it never connected, so it has no started_at "
                "(status completed)"
            ),
        ),
        ("talking", "not billed yet: it is not over (status in_progress)"),
        (
            "strange",
            (
                "not billed: it is in quarantine since 2026-03-12T12:00:00Z, "
                "no_duration: it is None"
            ),
        ),
    ],
)
def test_each_call_has_one_verdict(filled: Ledger, call_id: str, verdict: str) -> None:
    assert said(filled, call_id) == verdict


def test_the_invoice_is_named(filled: Ledger) -> None:
    values = {
        "run_id": 1,
        "period": str(MARCH),
        "customer": "initech",
        "stripe_customer": "cus_initech",
        "pamela_minutes": 2,
        "settled": 1,
        "ledger_minutes": 2,
        "stripe_minutes": 2,
        "read_at": ACTOR.at,
        "invoiced_minutes": 2,
        "invoice": "in_1",
    }
    record(filled, reading("invoiced", customer="initech", account="main"))
    with filled.writing() as connection:
        connection.execute(insert(reconciliation_reading).values(values))
    assert said(filled, "invoiced").endswith("; the invoice in_1 is without it")


def test_what_was_billed_and_then_never_connected_is_taken_back(
    filled: Ledger,
) -> None:
    record(filled, reading("unstaged", started_at=None, seconds=None))
    assert said(filled, "unstaged").endswith("; what was billed before is taken back")


def test_the_page_tells_the_life_of_a_corrected_call(filled: Ledger) -> None:
    parts = page(filled, "less")
    assert list(parts)[:3] == ["What Pamela said", "Rating", "Rows of usage"]
    assert list(parts["What Pamela said"].sentences) == [
        (
            "Revision 2 changed: ended at 2026-03-10T13:05:00Z → 2026-03-10T13:01:01Z; "
            "duration seconds 300 → 61."
        )
    ]
    rating = parts["Rating"].sentences[0]
    assert rating.startswith("max(⌈61 s / 60⌉, 1) = 2 min at 0.10 usd (the price from ")
    amounts = [(line[1], line[4], line[5]) for line in parts["Rows of usage"].lines]
    assert amounts == [("api_usage", "5", "0.50"), ("adjustment", "-3", "-0.30")]
    verdicts = [line[4] for line in parts["Meter event 4"].lines]
    assert verdicts == ["unknown", "duplicate"]


def test_the_page_names_the_closed_month_that_is_corrected(filled: Ledger) -> None:
    assert list(page(filled, "february")["Rows of usage"].sentences) == [
        (
            "Row 10 corrects 2026-02-18T12:00:00Z of 2026-02, closed "
            "2026-03-12T12:00:00Z; it is billed in 2026-03."
        )
    ]


def test_readings_of_its_own_minute_are_on_the_page(filled: Ledger) -> None:
    sentences = page(filled, "moved")["Meter event 5"].sentences
    assert "Its own minute held 0 at 2026-03-13T17:00:00Z." in sentences


def test_an_event_that_was_replaced_stays_on_the_page(filled: Ledger) -> None:
    record(filled, reading("gone", started_at=NOON + 5 * HOUR))
    assert stage(filled)
    ((first,),) = rows(filled, "SELECT max(id) FROM meter_event")
    with filled.writing() as connection:
        staged = outbox.event_numbered(connection, int(str(first)))
        event_rows.release(connection, staged)
    assert stage(filled) == 1
    parts = page(filled, "gone")
    events = [part for title, part in parts.items() if title.startswith("Meter event")]
    states = [part.sentences[0].split("; ")[0].split(": ")[1] for part in events]
    assert states == ["failed (replaced)", "pending"]


@pytest.mark.parametrize("call_id", ["plain", "less", "february", "never", "strange"])
def test_the_document_is_json_with_the_verdict(filled: Ledger, call_id: str) -> None:
    trace = read_trace(filled, call_id, None)
    document = json.loads(json.dumps(explanation_document(trace)))
    assert document["verdict"] == verdict_on(trace)
    assert document["call"] == call_id


@pytest.mark.parametrize(
    ("call_id", "account", "words"),
    [
        ("plian", None, "the ledger knows no call 'plian'; did you mean plain?"),
        ("0" * 30, None, "the ledger knows no call"),
        ("\x1b[31m", None, r"the ledger knows no call '\\x1b\[31m'"),
        ("twin", None, "several accounts have a call twin; give --account, one of"),
        ("plain", "other", "account other has no call plain; main has one"),
    ],
)
def test_a_call_that_is_not_there_is_said_clearly(
    filled: Ledger, call_id: str, account: str | None, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        read_trace(filled, call_id, account)


def test_an_account_tells_twins_apart(filled: Ledger) -> None:
    trace = read_trace(filled, "twin", "other")
    assert [one.row.customer for one in trace.rows] == ["globex"]
