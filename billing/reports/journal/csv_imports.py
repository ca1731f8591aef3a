"""Journals as CSV, in the columns that programs for the books import.

Amounts are in whole cents, since none of these programs takes smaller ones.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from billing.domain.journal import JournalEntry, Leg, in_minor_units
from billing.reports.journal.accounts import Accounts
from billing.reports.journal.journal import Journal, MonthJournal
from billing.reports.sheets.sheet import Column, Kind, Row, Sheet


class _Line(NamedTuple):
    """One leg, with all that a program may want to know of it."""

    month: MonthJournal
    entry: JournalEntry
    leg: Leg
    account: str
    tax_rate: str

    @property
    def number(self) -> str:
        """The entry's own name, the same whenever it is made."""
        currency = "" if self.entry.currency == "usd" else f"-{self.entry.currency}"
        mark = "-provisional" if self.month.digest is None else ""
        return f"usage-{self.month.period}-{self.entry.customer}{currency}{mark}"

    @property
    def memo(self) -> str:
        """What the leg is, and what it ties to."""
        of = f", corrects {self.leg.corrects}" if self.leg.corrects else ""
        what = f"{self.leg.role.value} of {self.month.period}{of}"
        return f"{what} ({self.month.standing})"

    @property
    def debit(self) -> int | None:
        """The amount on the left side; None on the other."""
        return self.leg.amount_micro if self.leg.amount_micro > 0 else None

    @property
    def credit(self) -> int | None:
        """The amount on the right side; None on the other."""
        return -self.leg.amount_micro if self.leg.amount_micro < 0 else None


class _Target(NamedTuple):
    columns: tuple[Column, ...]
    row: Callable[[_Line], Row]


def import_sheet(
    journal: Journal, target: str, accounts: Accounts, tax_rate: str
) -> Sheet:
    """Return the journal in the columns of a target."""
    columns, row = _TARGETS[target]
    rows = [row(line) for line in _lines(journal, accounts, tax_rate)]
    currency = journal.currencies[0] if journal.currencies else "usd"
    return Sheet(
        name="Journal",
        title=journal.name,
        columns=columns,
        rows=rows,
        currency=currency,
    )


def _lines(journal: Journal, accounts: Accounts, tax_rate: str) -> Iterator[_Line]:
    for month in journal.months:
        for exact in month.entries:
            entry = in_minor_units(exact)
            for leg in entry.legs:
                # No program takes a line of nothing.
                if leg.amount_micro:
                    yield _Line(
                        month=month,
                        entry=entry,
                        leg=leg,
                        account=accounts[leg.role],
                        tax_rate=tax_rate,
                    )


def _general(line: _Line) -> Row:
    return (
        line.number,
        line.month.day,
        line.account,
        line.entry.customer,
        line.debit,
        line.credit,
        line.entry.currency.upper(),
        line.leg.corrected,
        line.memo,
        "yes" if line.month.digest is None else "no",
    )


def _quickbooks(line: _Line) -> Row:
    return (
        line.number,
        f"{line.month.day:%m/%d/%Y}",
        line.account,
        line.debit,
        line.credit,
        line.memo,
        line.entry.customer,
        line.entry.currency.upper(),
    )


def _netsuite(line: _Line) -> Row:
    day = line.month.day
    return (
        line.number,
        f"{day.month}/{day.day}/{day.year}",
        line.entry.currency.upper(),
        line.account,
        line.debit,
        line.credit,
        line.memo,
        line.entry.customer,
    )


def _xero(line: _Line) -> Row:
    day = f"{line.month.day:%d/%m/%Y}"
    return (
        line.number,
        day,
        line.memo,
        line.account,
        line.tax_rate,
        line.leg.amount_micro,
        "Customer",
        line.entry.customer,
    )


def _money(name: str) -> Column:
    return Column(name, Kind.MONEY)


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(map(Column, names))


_TARGETS = {
    "general": _Target(
        (
            Column("entry"),
            Column("date", Kind.DAY),
            *_texts("account", "customer"),
            _money("debit"),
            _money("credit"),
            *_texts("currency", "corrects", "memo", "provisional"),
        ),
        _general,
    ),
    "quickbooks": _Target(
        (
            *_texts("Journal No.", "Journal Date", "Account Name"),
            _money("Debits"),
            _money("Credits"),
            *_texts("Description", "Name", "Currency"),
        ),
        _quickbooks,
    ),
    "xero": _Target(
        (
            *_texts("*Narration", "*Date", "Description", "*AccountCode", "*TaxRate"),
            _money("*Amount"),
            *_texts("TrackingName1", "TrackingOption1"),
        ),
        _xero,
    ),
    "netsuite": _Target(
        (
            *_texts("External ID", "Date", "Currency", "Account"),
            _money("Debit"),
            _money("Credit"),
            *_texts("Memo", "Name"),
        ),
        _netsuite,
    ),
}
TARGETS = tuple(_TARGETS)
