"""Several months add up to what each adds up to, by any key."""

from datetime import timedelta

import pytest

from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.queries.usage_totals import SPAN_KEYS, UsageTotal
from billing.reports.sheets.cells import text_rows
from billing.reports.usage.report import read_usage
from billing.reports.usage.span import read_span, span_report
from tests.ledger.bookkeeping import APRIL, MARCH
from tests.reports.bookkeeping import FEBRUARY, fill_awkwardly


@pytest.mark.parametrize("key", [*SPAN_KEYS])
def test_months_add_up_to_their_own_totals(key: str, ledger: Ledger) -> None:
    fill_awkwardly(ledger)
    span = read_span(ledger, FEBRUARY, MARCH, key)
    each = [read_usage(ledger, month, "customer").total for month in (FEBRUARY, MARCH)]
    total = sum(span.totals.values(), UsageTotal())
    assert total == sum(each, UsageTotal())
    assert text_rows(span_report(span).flat)[-1][-2] == str(total.billed_minutes)


def test_a_month_is_a_line(ledger: Ledger) -> None:
    fill_awkwardly(ledger)
    document = read_span(ledger, FEBRUARY, MARCH, "month").document()
    assert [line["month"] for line in document["rows"]] == ["2026-02", "2026-03"]  # type: ignore[attr-defined] # a list
    assert (document["from"], document["to"]) == ("2026-02", "2026-03")
    assert document["provisional"] is True


def test_the_columns_of_days_are_dates(ledger: Ledger) -> None:
    fill_awkwardly(ledger)
    [sheet] = span_report(read_span(ledger, FEBRUARY, MARCH, "day")).sheets
    days = [row[0] for row in sheet.rows]
    assert days[0] == FEBRUARY.start.date() + timedelta(days=1)


@pytest.mark.parametrize(
    ("first", "last", "key", "words"),
    [
        (MARCH, FEBRUARY, "day", "--to 2026-02 is before 2026-03"),
        (MARCH, APRIL, "day", "the ledger holds nothing of 2026-04"),
        (FEBRUARY.previous, MARCH, "day", "the ledger holds nothing of 2026-01"),
        (FEBRUARY, MARCH, "colour", "not summed by colour; it can be by month, cust"),
    ],
)
def test_what_does_not_add_up_is_one_sentence(
    first: BillingPeriod, last: BillingPeriod, key: str, words: str, ledger: Ledger
) -> None:
    fill_awkwardly(ledger)
    with pytest.raises(BadInput, match=words):
        read_span(ledger, first, last, key)
