"""Usage by any key adds up to the same, beside last month and a forecast."""

from datetime import datetime

import pytest
from sqlalchemy import insert

from billing.domain.period import Window
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.schema.tables import call_metadata
from billing.reports.sheets.cells import text_rows
from billing.reports.usage.report import KEYS, read_usage
from billing.reports.usage.usage_workbook import usage_report
from tests.ledger.bookkeeping import ACTOR, MARCH, NOON, reading, record, rows
from tests.reports.bookkeeping import DAY, FEBRUARY, fill, fill_awkwardly


def say(ledger: Ledger, call_id: str, value: str | None, key: str = "team") -> None:
    """Keep what a call says under a key; None was erased."""
    at = ACTOR.at
    place = {"account": "main", "call_id": call_id, "key": key}
    kept = {"value": value, "erased_at": None if value else at}
    times = {"called_at": NOON, "recorded_at": at}
    with ledger.writing() as connection:
        connection.execute(insert(call_metadata).values(place | kept | times))


def know_until(ledger: Ledger, account: str, moment: datetime) -> None:
    """Have an account's month read whole at a moment."""
    window = Window(MARCH.start, MARCH.end)
    with ledger.writing() as connection:
        number = pulls.start_pull(
            connection,
            account,
            MARCH,
            scope=pulls.MONTH,
            window=window,
            now=moment,
        )
        pulls.complete_pull(connection, number, pulls.Certificate(), moment)


@pytest.mark.parametrize("key", [*KEYS, "metadata:team"])
def test_every_key_adds_up_to_the_ledger(ledger: Ledger, key: str) -> None:
    fill_awkwardly(ledger)
    say(ledger, "call_1", "sales")
    say(ledger, "call_2", None)
    report = usage_report(read_usage(ledger, MARCH, key))
    [billed] = rows(
        ledger,
        "SELECT SUM(billed_minutes), SUM(amount_micro) FROM b2b_usage "
        "WHERE period = '2026-03'",
    )
    minutes, amount = (int(str(total)) for total in billed)
    assert text_rows(report.flat)[-1][-2] == str(minutes)
    assert read_usage(ledger, MARCH, key).total.billed_amount_micro == amount


def test_what_calls_say_is_a_line_and_what_none_says_is_another(ledger: Ledger) -> None:
    fill(ledger)
    say(ledger, "call_1", "sales")
    say(ledger, "call_2", "sales", key="campaign")
    found = read_usage(ledger, MARCH, "metadata:team").document()["rows"]
    assert [(line["value"], line["billed_minutes"]) for line in found] == [  # type: ignore[attr-defined]
        ("(none)", 2),
        ("sales", 5),
    ]
    report = usage_report(read_usage(ledger, MARCH, "day", by_all=True))
    names = [sheet.name for sheet in report.sheets]
    assert names[-3:] == ["By campaign", "By team", "Outlook"]


def test_a_forecast_needs_all_accounts_and_goes_by_the_eldest(ledger: Ledger) -> None:
    fill(ledger)
    record(ledger, reading("call_0", seconds=600, started_at=FEBRUARY.start + DAY))
    know_until(ledger, "main", MARCH.start + 20 * DAY)
    assert not read_usage(ledger, MARCH, "customer").has_forecast
    know_until(ledger, "other", MARCH.start + 15 * DAY + DAY // 2)
    found = read_usage(ledger, MARCH, "customer")
    half = "2026-03-16T12:00:00Z"
    assert found.document()["known_until"] == half
    lines = text_rows(usage_report(found).sheets[-1])
    assert lines == [
        ["acme", "6", "0.60", "10", "1.00", "12", "1.20"],
        ["globex", "1", "0.10", "0", "0.00", "2", "0.20"],
        ["total", "7", "0.70", "10", "1.00", "14", "1.40"],
    ]
    assert half in usage_report(found).sheets[-1].notes[0]


def test_a_key_that_nobody_knows_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="not summed by colour; it can be by customer"):
        read_usage(ledger, MARCH, "colour")
