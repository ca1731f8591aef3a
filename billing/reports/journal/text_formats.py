"""Journals in text: for Beancount, and for hledger and ledger."""

from collections.abc import Iterator, Sequence

from billing.domain.foreign_text import visible_lines
from billing.domain.journal import JournalEntry, Leg
from billing.domain.money import format_micro
from billing.reports.journal.accounts import Accounts, component, refuse_odd_accounts
from billing.reports.journal.journal import Journal, MonthJournal

_WIDTH = 52


def beancount_text(journal: Journal, accounts: Accounts) -> str:
    """Return the journal as Beancount takes it; raises BadInput for odd accounts."""
    refuse_odd_accounts(accounts)
    lines = [*_header(journal, ";; "), f'option "title" "{journal.name}"']
    lines += [
        f'option "operating_currency" "{currency.upper()}"'
        for currency in journal.currencies
    ]
    first = journal.months[0].period.start.date()
    lines += ["", *(f"{first} open {name}" for name in _names(journal, accounts))]
    for month in journal.months:
        for entry in month.entries:
            lines += ["", *_beancount_entry(month, entry, accounts)]
    return visible_lines("\n".join(lines)) + "\n"


def ledger_text(journal: Journal, accounts: Accounts) -> str:
    """Return the journal as hledger and ledger take it."""
    lines = _header(journal, "; ")
    for currency in journal.currencies:
        places = "0" * _places(journal, currency)
        dot = "." if places else ""
        code = currency.upper()
        lines += [f"commodity {code}", f"  format 1,000{dot}{places} {code}"]
    lines += ["", *(f"account {name}" for name in _names(journal, accounts))]
    for month in journal.months:
        for entry in month.entries:
            lines += ["", *_ledger_entry(month, entry, accounts)]
    return visible_lines("\n".join(lines)) + "\n"


def _header(journal: Journal, mark: str) -> list[str]:
    return [f"{mark}{month.period}: {month.standing}" for month in journal.months]


def _names(journal: Journal, accounts: Accounts) -> list[str]:
    return sorted(
        {
            _account(entry, leg, accounts)
            for month in journal.months
            for entry in month.entries
            for leg in entry.legs
        }
    )


def _account(entry: JournalEntry, leg: Leg, accounts: Accounts) -> str:
    return f"{accounts[leg.role]}:{component(entry.customer)}"


def _beancount_entry(
    month: MonthJournal, entry: JournalEntry, accounts: Accounts
) -> Iterator[str]:
    flag = "!" if month.digest is None else "*"
    yield f'{month.day} {flag} "{entry.customer}" "Usage {month.period}"'
    yield f'  period: "{month.period}"'
    yield f'  digest: "{month.digest or "provisional"}"'
    yield f"  minutes: {entry.minutes}"
    for leg in entry.legs:
        yield _posting(entry, leg, accounts)
        if leg.corrects is not None:
            yield f'    corrects: "{leg.corrects}"'


def _ledger_entry(
    month: MonthJournal, entry: JournalEntry, accounts: Accounts
) -> Iterator[str]:
    flag = "!" if month.digest is None else "*"
    yield f"{month.day} {flag} {entry.customer} | Usage {month.period}"
    yield f"    ; period: {month.period}"
    yield f"    ; digest: {month.digest or 'provisional'}"
    yield f"    ; minutes: {entry.minutes}"
    for leg in entry.legs:
        note = f"  ; corrects: {leg.corrects}" if leg.corrects else ""
        yield f"  {_posting(entry, leg, accounts)}{note}"


def _posting(entry: JournalEntry, leg: Leg, accounts: Accounts) -> str:
    amount = format_micro(leg.amount_micro, entry.currency)
    name = _account(entry, leg, accounts)
    return f"  {name:<{_WIDTH}}  {amount:>14} {entry.currency.upper()}"


def _places(journal: Journal, currency: str) -> int:
    """Return how many decimals the longest amount has, so that none is rounded."""
    amounts: Sequence[str] = [
        format_micro(leg.amount_micro, currency)
        for month in journal.months
        for entry in month.entries
        if entry.currency == currency
        for leg in entry.legs
    ]
    return max((len(amount.partition(".")[2]) for amount in amounts), default=0)
