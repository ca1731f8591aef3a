"""The gated gateways: each as it is, but for words that pass the gate."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from billing.domain.account_identity import SourceIdentity
from billing.domain.call_metadata import could_be_phone
from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import MeterEvent, SendAnswer
from billing.domain.period import BillingPeriod, Window
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.errors import SourceUnreadable
from billing.gateways.word_gate import WordGate
from billing.ports import CustomerPage, MaySend, MeterState, SourceCall, SourceTotals

# Each loads an HTTP library, for which a command that asks nobody has no use.
if TYPE_CHECKING:
    from billing.gateways.pamela import PamelaUsage
    from billing.gateways.stripe.meter import StripeMeter


class GatedUsage:
    """An account of Pamela's, behind the word gate."""

    def __init__(self, source: "PamelaUsage", gate: WordGate) -> None:
        self._source, self._gate = source, gate

    @property
    def account(self) -> str:
        """The account's name in the ledger, which is the first one it had."""
        return self._source.account

    @property
    def label(self) -> str:
        """The account's name in the settings."""
        return self._source.label

    def named(self, account: str) -> "GatedUsage":
        """Return the same source under the account's name in the ledger."""
        return GatedUsage(self._source.named(account), self._gate)

    def key_digest(self, salt: str) -> str:
        """Return a digest of the key, which shows nothing of it."""
        return self._source.key_digest(salt)

    def read_identity(self) -> SourceIdentity:
        """Read which partner's, and which project's, the source says it is."""
        with self._gate.faults():
            return self._identity(self._source.read_identity())

    def list_calls(self, window: Window) -> Iterator[Sequence[SourceCall]]:
        """Read the calls created in a window, page by page, newest first."""
        with self._gate.faults():
            for page in self._source.list_calls(window):
                yield self._gate.calls(page)

    def get_call(self, call_id: str) -> SourceCall | None:
        """Read one call; None when the source does not know it."""
        with self._gate.faults():
            told = self._source.get_call(call_id)
        return told and self._gate.calls([told])[0]

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Read the source's own totals of a month."""
        with self._gate.faults():
            totals = self._source.read_totals(period)
            if totals.identity is not None:
                self._identity(totals.identity)
        return totals

    def server_time(self) -> datetime | None:
        """Ask the server for its time; None when it does not say."""
        with self._gate.faults():
            return self._source.server_time()

    def close(self) -> None:
        """Close all connections."""
        self._source.close()

    def _identity(self, identity: SourceIdentity) -> SourceIdentity:
        """Refuse a name that is a secret or a number: an identity is not rewritten."""
        for what, name in identity._asdict().items():
            is_number = name and "+" in name and could_be_phone(name)
            if name and (is_number or self._gate.secrets.name_in(name)):
                raise SourceUnreadable(self.label, f"the usage's {what} is no name")
        return identity


class GatedMeter:
    """A Stripe meter, behind the word gate."""

    def __init__(self, meter: "StripeMeter", gate: WordGate) -> None:
        self._meter, self._gate = meter, gate

    @property
    def event_name(self) -> str:
        """The name under which events are reported."""
        return self._meter.event_name

    def describe(self) -> MeterState | None:
        """Read how the meter is set up; None when there is no such meter."""
        with self._gate.faults():
            return self._gate.value(self._meter.describe())

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists and is not deleted."""
        with self._gate.faults():
            return self._meter.has_customer(stripe_customer)

    def list_customers(self, after: str | None) -> CustomerPage:
        """Read a page of the customers who are not deleted, `after` one of them."""
        with self._gate.faults():
            return self._meter.list_customers(after)

    def deleted_customers(self, since: datetime) -> Sequence[str]:
        """Read who was deleted since a moment."""
        with self._gate.faults():
            return self._meter.deleted_customers(since)

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Report an event, once, and say what came of it."""
        return self._gate.value(self._meter.send(event, idempotency_key, may_send))

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back, once, and say what came of it."""
        return self._gate.value(self._meter.cancel(event, idempotency_key, may_send))

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes counted for a customer in a window."""
        with self._gate.faults():
            return self._meter.read_total(stripe_customer, window)

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes counted for a customer, hour by hour; no empty hours."""
        with self._gate.faults():
            return self._meter.read_hours(stripe_customer, window)

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read what the meter refused after it had taken it, oldest first."""
        with self._gate.faults():
            return self._gate.value(self._meter.error_reports(since))

    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Read the invoices that bill this meter's minutes in a window."""
        with self._gate.faults():
            return self._gate.value(self._meter.read_invoices(stripe_customer, window))

    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Read what a customer is billed by this meter for, and on which terms."""
        with self._gate.faults():
            return self._gate.value(self._meter.read_subscriptions(stripe_customer))

    def rest(self) -> None:
        """Let other processes have the whole pace until the next request."""
        self._meter.rest()

    def close(self) -> None:
        """Close all connections."""
        self._meter.close()
