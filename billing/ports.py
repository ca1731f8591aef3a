"""The few Protocols that have two implementations: what the pipeline is handed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, Self

from billing.domain.account_identity import SourceIdentity
from billing.domain.call import Call, Quarantined
from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import MeterEvent, SendAnswer
from billing.domain.period import BillingPeriod, Window
from billing.domain.signed_head import Head
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice

# Asked right before the first byte of a request is written; no means that none is.
MaySend = Callable[[], bool]


class Clock(Protocol):
    """Where the time comes from: this machine, or a sandbox."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def elapsed(self) -> timedelta:
        """Read a counter that nobody sets and that also counts while suspended."""
        ...


class SourceCall(NamedTuple):
    """A call as its source told it, or why it cannot be understood."""

    call: Call | Quarantined
    sha256: str  # of the record, as the source sent it
    metadata: object = None  # what the call is tagged with, unread
    # Of a record that cannot be understood, where they are readable.
    created_at: datetime | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceTotals:
    """What the source itself says of a month; None where it does not say.

    With its totals it may say whose they are, as it does when it is asked for that.
    """

    call_count: int | None
    billed_minutes: int | None
    identity: SourceIdentity | None = None


class UsageSource(Protocol):
    """One account of a source of calls. Its methods raise SourceFault."""

    @property
    def account(self) -> str:
        """The account's name in the ledger, which is the first one it had."""
        ...

    @property
    def label(self) -> str:
        """The account's name in the settings."""
        ...

    def named(self, account: str) -> Self:
        """Return the same source under the account's name in the ledger."""
        ...

    def key_digest(self, salt: str) -> str:
        """Return a digest of the key, which shows nothing of it."""
        ...

    def read_identity(self) -> SourceIdentity:
        """Read which partner's, and which project's, the source says it is."""
        ...

    def list_calls(self, window: Window) -> Iterator[Sequence[SourceCall]]:
        """Read the calls created in a window, page by page, newest first.

        Every call that was there all along is on a page, however the list moves.
        """
        ...

    def get_call(self, call_id: str) -> SourceCall | None:
        """Read one call; None when the source does not know it."""
        ...

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Read the source's own totals of a month."""
        ...


@dataclass(frozen=True, slots=True)
class MeterState:
    """How the meter is set up at Stripe."""

    meter_id: str
    event_name: str
    status: str
    formula: str
    event_time_window: str | None
    customer_key: str
    value_key: str
    livemode: bool
    server_time: datetime | None = None  # when Stripe said so


class CustomerPage(NamedTuple):
    """A page of the account's customers, and whether there are more."""

    customers: Sequence[str]
    more: bool


class Meter(Protocol):
    """A Stripe meter. Reads raise MeterFault; send and cancel return an answer."""

    @property
    def event_name(self) -> str:
        """The name under which events are reported."""
        ...

    def describe(self) -> MeterState | None:
        """Read how the meter is set up; None when there is no such meter."""
        ...

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists and is not deleted."""
        ...

    def list_customers(self, after: str | None) -> CustomerPage:
        """Read a page of the customers who are not deleted, `after` one of them."""
        ...

    def deleted_customers(self, since: datetime) -> Sequence[str]:
        """Read who was deleted since a moment."""
        ...

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Report an event, once, and say what came of it."""
        ...

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back, once, and say what came of it."""
        ...

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes counted for a customer in a window."""
        ...

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes counted for a customer, hour by hour; no empty hours."""
        ...

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read what the meter refused after it had taken it, oldest first."""
        ...

    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Read the invoices that bill this meter's minutes in a window."""
        ...

    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Read what a customer is billed by this meter for, and on which terms."""
        ...


class Signer(Protocol):
    """Holds the key that signs the heads of the audit trail (Ed25519)."""

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes."""
        ...


class Anchor(Protocol):
    """A place outside the database where heads are published."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def publish(self, head: Head, signature: str) -> None:
        """Publish a head with its signature in hex; raises AnchorFault."""
        ...


class Memory(Protocol):
    """What is remembered of the trail outside the database."""

    def last_seen(self) -> tuple[int, str] | None:
        """Return the newest event that was seen, and its hash; None at first."""
        ...

    def remember(self, sequence: int, hashed: str) -> None:
        """Keep the newest event that was seen."""
        ...

    def note(self, sequence: int, hashed: str) -> None:
        """Keep the event of a commit, before anything follows from it."""
        ...
