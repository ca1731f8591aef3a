"""What a month would be by other terms, and what rounding brought in, add up."""

import pytest

from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.reports.sheets.cells import text_rows
from billing.reports.usage.rounding import read_rounding
from billing.reports.usage.what_if import read_terms, rerated
from tests.ledger.bookkeeping import APRIL, MARCH, reading, record, rows
from tests.reports.bookkeeping import fill, fill_awkwardly

PRESENT = read_terms(None, step=60, least=60)


def test_the_present_terms_change_nothing(ledger: Ledger) -> None:
    fill_awkwardly(ledger)
    with rerated(ledger, MARCH, PRESENT, by_call=True) as found:
        for line in text_rows(found.flat):
            assert line[6] == line[8]
            assert line[9] == "0.00"


def test_what_is_rated_again_and_what_is_left_out_are_the_month(
    ledger: Ledger,
) -> None:
    fill_awkwardly(ledger)
    query = "SELECT SUM(billed_minutes) FROM b2b_usage WHERE period = '2026-03'"
    [[billed]] = rows(ledger, query)
    with rerated(ledger, MARCH, PRESENT, by_call=False) as found:
        total = found.document["total"]
        [note] = found.sheets[0].notes
    assert total["billed_minutes"] == int(str(billed))  # type: ignore[index]
    assert note.startswith("Left out: +0 minutes, 0.00 USD")


def test_calls_are_rated_one_by_one_and_nothing_is_written(ledger: Ledger) -> None:
    fill(ledger)
    before = rows(ledger, "SELECT COUNT(*) FROM audit_event")
    terms = read_terms("0.12", step=6, least=30)
    with rerated(ledger, MARCH, terms, by_call=True) as found:
        lines = text_rows(found.flat)
    assert [line[2:3] + line[4:] for line in lines[:-1]] == [
        ["call_1", "300", "5", "0.50", "300", "0.60", "0.10"],
        ["call_2", "0", "1", "0.10", "30", "0.06", "-0.04"],
        ["call_3", "1", "1", "0.10", "30", "0.06", "-0.04"],
    ]
    assert lines[-1][4:] == ["301", "7", "0.70", "360", "0.72", "0.02"]
    assert rows(ledger, "SELECT COUNT(*) FROM audit_event") == before


def test_seconds_that_changed_within_a_minute_are_rated_as_they_are_now(
    ledger: Ledger,
) -> None:
    record(ledger, reading("call_1", seconds=61))
    record(ledger, reading("call_1", seconds=90))
    terms = read_terms(None, step=1, least=0)
    with rerated(ledger, MARCH, terms, by_call=True) as found:
        assert text_rows(found.flat)[0][7:9] == ["90", "0.15"]


def test_talk_rounding_and_floor_are_what_is_billed(ledger: Ledger) -> None:
    fill(ledger)
    acme, globex, total = text_rows(read_rounding(ledger, MARCH).flat)
    assert acme == [
        "acme",
        "2",
        "1",
        "300",
        "0.50",
        "0",
        "0.00",
        "60",
        "0.10",
        "6",
        "0.60",
        "16.67",
    ]
    assert globex == [
        "globex",
        "1",
        "1",
        "1",
        "0.001667",
        "59",
        "0.098333",
        "0",
        "0.00",
        "1",
        "0.10",
        "98.33",
    ]
    assert total[-3:] == ["7", "0.70", ""]


def test_rounding_adds_up_for_every_customer(ledger: Ledger) -> None:
    fill_awkwardly(ledger)
    for row in read_rounding(ledger, MARCH).flat.rows:
        _, _, _, talk, talked, up, rounded, floor, floored, minutes, amount, _ = row
        assert int(str(talk)) + int(str(up)) + int(str(floor)) == 60 * int(str(minutes))
        parts = int(str(talked)) + int(str(rounded)) + int(str(floored))
        assert parts == int(str(amount))


@pytest.mark.parametrize(
    ("price", "step", "least", "words"),
    [
        ("cheap", 60, 60, "a price is a number such as 0.12, not cheap"),
        ("-1", 60, 60, "finite and not negative"),
        ("NaN", 60, 60, "finite and not negative"),
        (None, 0, 60, "a step is a second at least"),
        (None, 60, -1, "less than nothing"),
    ],
)
def test_terms_that_make_no_sense_are_refused(
    price: str | None, step: int, least: int, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        read_terms(price, step=step, least=least)


def test_a_month_that_nobody_knows_of_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="holds nothing of 2026-04"):
        read_rounding(ledger, APRIL)
    with (
        pytest.raises(BadInput, match="holds nothing of 2026-04"),
        rerated(ledger, APRIL, PRESENT, by_call=False),
    ):
        raise AssertionError("there is nothing to rate")
