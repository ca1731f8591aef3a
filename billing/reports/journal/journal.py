"""The journal of one or more months: its entries, and what they tie to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from billing.domain.journal import JournalEntry, make_entries
from billing.domain.money import format_micro
from billing.domain.period import DAY, BillingPeriod
from billing.errors import LedgerFault
from billing.ledger.close.period_close import ClosedMonth, closed_month, period_digest
from billing.ledger.database import Ledger
from billing.ledger.queries.journal_lines import journal_lines
from billing.reports.sheets.formatting import Document
from billing.reports.sheets.sheet import PROVISIONAL, Column, Kind, Report, Row, Sheet

COLUMNS = (
    Column("period"),
    Column("customer"),
    Column("account"),
    Column("corrects"),
    Column("debit", Kind.MONEY),
    Column("credit", Kind.MONEY),
    Column("currency"),
)


@dataclass(frozen=True, slots=True)
class MonthJournal:
    """A month's entries, and the digest that they tie to; None while it is open."""

    period: BillingPeriod
    entries: tuple[JournalEntry, ...]
    digest: str | None

    @property
    def day(self) -> date:
        """The day of every entry: the last one of the month."""
        return (self.period.end - DAY).date()

    @property
    def standing(self) -> str:
        """What the totals tie to, in words."""
        if self.digest is None:
            return "provisional: the month is not closed yet"
        return f"closed, digest {self.digest}"


@dataclass(frozen=True, slots=True)
class Journal:
    """Entries for the books, month by month."""

    months: tuple[MonthJournal, ...]

    @property
    def name(self) -> str:
        """How its files are called."""
        first, last = self.months[0].period, self.months[-1].period
        return f"journal-{first}" + (f"-to-{last}" if last != first else "")

    @property
    def provisional(self) -> bool:
        """Whether a month of it is not closed yet."""
        return any(month.digest is None for month in self.months)

    @property
    def currencies(self) -> list[str]:
        """The currencies in it."""
        entries = (entry for month in self.months for entry in month.entries)
        return sorted({entry.currency for entry in entries})

    def report(self) -> Report:
        """Return the entries as one sheet, in the roles that their accounts have."""
        rows = [row for month in self.months for row in _rows(month.entries)]
        months = " to ".join(sorted({str(self.months[at].period) for at in (0, -1)}))
        currency = self.currencies[0] if self.currencies else "usd"
        notes = [f"{month.period}: {month.standing}." for month in self.months]
        if self.provisional:
            notes.insert(0, PROVISIONAL)
        sheet = Sheet(
            name="Journal",
            title=f"Journal {months}, amounts in {currency.upper()}",
            columns=COLUMNS,
            rows=rows,
            currency=currency,
            notes=notes,
            total=True,
        )
        return Report(
            name=self.name, sheets=[sheet], flat=sheet, document=self.document()
        )

    def document(self) -> Document:
        """Return the journal with stable names; amounts are decimal strings."""
        return {"months": [_month(month) for month in self.months]}


def read_journal(ledger: Ledger, periods: Iterable[BillingPeriod]) -> Journal:
    """Return the journal of some months, which the ledger shows at one moment.

    Raises LedgerFault for a closed month that is not what was closed.
    """
    months = []
    with ledger.reading() as connection:
        for period in sorted(set(periods)):
            closed = closed_month(connection, period)
            entries = make_entries(period, journal_lines(connection, period))
            if closed is not None:
                _tie(closed, entries, period_digest(connection, period))
            digest = closed and closed.digest
            months.append(MonthJournal(period, tuple(entries), digest))
    return Journal(tuple(months))


def _tie(closed: ClosedMonth, entries: Iterable[JournalEntry], digest: str) -> None:
    totals = {
        (entry.customer, entry.currency): (
            entry.rows,
            entry.minutes,
            entry.amount_micro,
        )
        for entry in entries
    }
    frozen = {
        (total["customer"], total["currency"]): (
            total["rows"],
            total["minutes"],
            total["amount_micro"],
        )
        for total in closed.totals.get("customers", ())
    }
    if digest != closed.digest or (closed.totals and totals != frozen):
        raise LedgerFault(
            f"{closed.period} is not what was closed: its digest is {digest}, and "
            f"{closed.digest} was frozen; run `pamela-billing db check`"
        )


def _rows(entries: Iterable[JournalEntry]) -> Iterable[Row]:
    for entry in entries:
        for leg in entry.legs:
            debit, credit = max(leg.amount_micro, 0), max(-leg.amount_micro, 0)
            yield (
                str(entry.period),
                entry.customer,
                leg.role.value,
                leg.corrected,
                debit or None,
                credit or None,
                entry.currency,
            )


def _month(month: MonthJournal) -> Document:
    return {
        "period": str(month.period),
        "provisional": month.digest is None,
        "digest": month.digest,
        "date": month.day.isoformat(),
        "entries": [
            {
                "customer": entry.customer,
                "currency": entry.currency,
                "rows": entry.rows,
                "minutes": entry.minutes,
                "amount": format_micro(entry.amount_micro, entry.currency),
                "postings": [
                    {
                        "account": leg.role.value,
                        "corrects": leg.corrected,
                        "amount": format_micro(leg.amount_micro, entry.currency),
                    }
                    for leg in entry.legs
                ],
            }
            for entry in month.entries
        ],
    }
