"""The statement of one customer's month: its days, its corrections, its total."""

from collections.abc import Iterator
from dataclasses import dataclass

from billing.domain.money import DEFAULT_CURRENCY, format_micro
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.queries.decided_calls import DecidedCall
from billing.ledger.queries.price_uses import PriceUse
from billing.ledger.queries.statement_lines import (
    Correction,
    CustomerMonth,
    InvoiceTie,
    billed_customers,
    customer_month,
)
from billing.reports.sheets.formatting import Document, format_time
from billing.reports.status.periods import by_state


@dataclass(frozen=True, slots=True)
class Statement:
    """What one customer is billed for a month, and how far it is reported."""

    month: CustomerMonth

    @property
    def currency(self) -> str:
        """The currency of every amount."""
        return self.month.currency or DEFAULT_CURRENCY

    @property
    def provisional(self) -> bool:
        """Whether the month is open still."""
        return self.month.closed is None

    @property
    def usage(self) -> tuple[int, int, int, int]:
        """The calls, seconds, minutes and micro-units of all days."""
        days = self.month.days
        return (
            sum(day.calls for day in days),
            sum(day.seconds for day in days),
            sum(day.minutes for day in days),
            sum(day.amount_micro for day in days),
        )

    @property
    def adjusted(self) -> tuple[int, int]:
        """The minutes and micro-units of all corrections."""
        corrections = self.month.corrections
        minutes = sum(correction.minutes for correction in corrections)
        return minutes, sum(correction.amount_micro for correction in corrections)

    @property
    def billed(self) -> tuple[int, int]:
        """The minutes and micro-units that are billed."""
        (_, _, minutes, amount), (more, added) = self.usage, self.adjusted
        return minutes + more, amount + added

    def amount(self, amount_micro: int) -> str:
        """Spell an amount in the statement's currency."""
        return format_micro(amount_micro, self.currency)

    def document(self) -> Document:
        """Return the statement with stable names; amounts are decimal strings."""
        month = self.month
        calls, seconds, minutes, amount = self.usage
        return {
            "period": str(month.period),
            "customer": month.customer,
            "stripe_customer": month.stripe_customer,
            "stripe_customers": [share._asdict() for share in month.stripe_customers],
            "currency": self.currency,
            "provisional": self.provisional,
            "closed_at": format_time(month.closed.closed_at) if month.closed else None,
            "digest": month.closed.digest if month.closed else None,
            "days": [
                {
                    "day": day.day.isoformat(),
                    "calls": day.calls,
                    "seconds": day.seconds,
                    "minutes": day.minutes,
                    "amount": self.amount(day.amount_micro),
                }
                for day in month.days
            ],
            "usage": self._sum(minutes, amount, calls=calls, seconds=seconds),
            "adjustments": [
                self._correction(correction) for correction in month.corrections
            ],
            "adjusted": self._sum(*self.adjusted),
            "decided": [self._decided(each) for each in month.decided],
            "total": self._sum(*self.billed),
            "prices": [self._price(use) for use in month.prices],
            "sync": {
                "rows": by_state(month.sync.rows),
                "minutes": by_state(month.sync.minutes),
                "failed_reasons": dict(month.sync.failed_reasons),
            },
            "reported_by_another": {
                "before": format_time(month.opening.before),
                "minutes": month.opening.minutes,
            }
            if month.opening
            else None,
            "stripe": self._tie(month.invoice) if month.invoice else None,
        }

    def _sum(self, minutes: int, amount_micro: int, **counts: int) -> Document:
        return {**counts, "minutes": minutes, "amount": self.amount(amount_micro)}

    def _correction(self, correction: Correction) -> Document:
        return {
            "call": correction.call_id,
            "account": correction.account,
            "of_month": month_of(correction),
            "hour": format_time(correction.call_hour),
            "posted_at": format_time(correction.posted_at),
            "reason": reason_of(correction),
            "seconds": correction.seconds,
            "minutes": correction.minutes,
            "amount": self.amount(correction.amount_micro),
        }

    def _decided(self, decided: DecidedCall) -> Document:
        return {
            "call": decided.call_id,
            "account": decided.account,
            "started_at": format_time(decided.started_at),
            "billable": decided.seconds is not None,
            "seconds": decided.seconds,
            "decided_at": format_time(decided.decided_at),
            "decided_by": decided.decided_by,
            "reason": decided.reason,
            "in_force": decided.in_force,
            **self._sum(decided.minutes, decided.amount_micro),
        }

    def _price(self, use: PriceUse) -> Document:
        price = None if use.per_minute is None else format(use.per_minute, "f")
        total = self._sum(use.minutes, use.amount_micro, rows=use.rows)
        return {"from": format_time(use.effective_from), "per_minute": price, **total}

    def _tie(self, tie: InvoiceTie) -> Document:
        return {
            "read_at": format_time(tie.read_at),
            "ledger_minutes": tie.ledger_minutes,
            "meter_minutes": tie.stripe_minutes,
            "settled": tie.settled,
            "invoice": tie.invoice,
            "invoiced_minutes": tie.invoiced_minutes,
        }


def month_of(correction: Correction) -> str:
    """Return the month that a correction is of: that of its call."""
    return str(BillingPeriod.of(correction.call_hour))


def reason_of(correction: Correction) -> str:
    """Say in a word or two why there is a correction."""
    return "came late" if correction.corrects is None else "call changed"


def decided_words(decided: DecidedCall) -> str:
    """Say what was decided of a call, and whether that holds."""
    what = "not billed" if decided.seconds is None else f"{decided.seconds:,} s"
    return what if decided.in_force else f"{what}, till it was read or decided anew"


def tie_lines(statement: Statement) -> Iterator[tuple[str, int, str]]:
    """Yield how far the minutes have come: what, how many, and a word on it."""
    states = statement.month.sync.minutes
    for state, words in (
        ("synced", "counted by Stripe's meter, with evidence"),
        ("pending", "on the way to Stripe"),
        ("failed", "not counted by Stripe yet"),
    ):
        if state == "synced" or states.get(state):
            yield state, states.get(state, 0), words
    if opening := statement.month.opening:
        words = f"by another program, before {format_time(opening.before)}"
        yield "reported", opening.minutes, words
    shares = statement.month.stripe_customers
    if len(shares) > 1:
        for share in shares:
            yield share.stripe_customer, share.minutes, "counted for this customer"
    tie = statement.month.invoice
    if tie is None:
        return
    settled = "settled" if tie.settled else "not settled yet"
    yield (
        "on the meter",
        tie.stripe_minutes,
        f"read {format_time(tie.read_at)}, {settled}",
    )
    if tie.invoiced_minutes is not None:
        gap = tie.invoiced_minutes - statement.billed[0]
        says = "as billed here" if not gap else f"{gap:+,} against what is billed here"
        invoice = tie.invoice or "not named"
        yield "invoiced", tie.invoiced_minutes, f"Stripe's invoice {invoice}, {says}"


def read_statement(ledger: Ledger, period: BillingPeriod, customer: str) -> Statement:
    """Return a customer's statement; raises BadInput for an unknown customer."""
    with ledger.reading() as connection:
        return Statement(customer_month(connection, period, customer))


def read_statements(ledger: Ledger, period: BillingPeriod) -> Iterator[Statement]:
    """Yield the statement of each customer that a month has usage of, by name.

    All are of one moment. Raises BadInput for an unknown month.
    """
    with ledger.reading() as connection:
        for customer in billed_customers(connection, period):
            yield Statement(customer_month(connection, period, customer))
