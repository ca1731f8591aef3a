"""What the tests fill a ledger with: registered names, rated calls, staged events."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from billing.domain.call import Call
from billing.domain.period import EARLIEST, BillingPeriod, Window, hour_of
from billing.domain.posting import charge_call
from billing.domain.rating import Price, PriceList, why_not_billable
from billing.domain.staging import MeterDestination
from billing.ledger import registry
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import calls, pulls
from billing.ledger.pull.calls import PullContext, RatedCall
from billing.ledger.registry import Account, Customer
from billing.ledger.schema.tables import period_close
from billing.ledger.sync import staging
from billing.ledger.sync.outbox import OpenEvent, unsynced_events

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARCH, APRIL = BillingPeriod(2026, 3), BillingPeriod(2026, 4)
ACTOR = Actor("tests", NOON + timedelta(days=2))
PRICE = Price(datetime(2026, 1, 1, tzinfo=UTC), Decimal("0.10"))
PRICES = PriceList([PRICE])
ACME = MeterDestination(
    customer="acme",
    stripe_customer="cus_acme",
    meter="stripe_minutes",
    livemode=False,
)


def register(ledger: Ledger) -> None:
    """Register two customers, an account and a price."""
    with ledger.writing() as connection:
        registry.register(
            connection,
            ACTOR,
            customers=[Customer("acme", "cus_acme"), Customer("globex", "cus_globex")],
            accounts=[Account("main", "acme"), Account("other", "globex")],
            prices=[PRICE],
        )


def start_pull(connection: Connection, period: BillingPeriod = MARCH) -> int:
    """Start a pull of a whole month of the account `main`."""
    window = Window(period.start, period.end)
    return pulls.start_pull(
        connection, "main", period, scope=pulls.MONTH, window=window, now=ACTOR.at
    )


def pull_context(connection: Connection) -> PullContext:
    """Start a pull, and give what its rows share."""
    number = start_pull(connection)
    return PullContext(
        pull_id=number,
        at=ACTOR.at,
        currency="usd",
        price_ids=registry.price_ids(connection),
    )


def reading(
    call_id: str = "call_1",
    *,
    started_at: datetime | None = NOON,
    seconds: int | None = 61,
    status: str = "completed",
    customer: str = "acme",
    source_minutes: int | None = None,
    account: str = "main",
) -> RatedCall:
    """Read and rate a call as a pull does."""
    ended = started_at and started_at + timedelta(seconds=seconds or 0)
    call = Call(
        account=account,
        call_id=call_id,
        status=status,
        created_at=NOON - HOUR,
        started_at=started_at,
        ended_at=ended,
        duration_seconds=seconds,
        source_minutes=source_minutes,
        customer_key=customer,
    )
    due = charge_call(call, customer, PRICES)
    gap = source_minutes - due[1].minutes if due and source_minutes is not None else 0
    return RatedCall(
        call=call,
        period=BillingPeriod.of(started_at or NOON),
        extract_sha256=call.digest(),
        source_sha256="0" * 64,
        not_billable=why_not_billable(call),
        due=due,
        price_date=PRICE.effective_from if due else None,
        minutes_gap=gap,
    )


def record(
    ledger: Ledger, *readings: RatedCall, first_period: BillingPeriod = EARLIEST
) -> int:
    """Record readings in a pull of their own; returns the new revisions."""
    with ledger.writing() as connection:
        context = pull_context(connection)._replace(first_period=first_period)
        recorded = calls.record_readings(connection, context, readings)
    return recorded.changed


def stage(ledger: Ledger, *, now: datetime = ACTOR.at, at_once: bool = False) -> int:
    """Stage what acme has waiting; returns the events made."""
    with ledger.writing() as connection:
        plan = staging.stage(connection, ACME, Actor("tests", now), at_once=at_once)
    return len(plan.events)


def staged_event(ledger: Ledger) -> OpenEvent:
    """Record and stage one call; gives its event."""
    register(ledger)
    record(ledger, reading())
    assert stage(ledger) == 1
    return unsynced(ledger)[0]


def unsynced(ledger: Ledger) -> list[OpenEvent]:
    """Read the events of acme that are not synced."""
    with ledger.reading() as connection:
        return unsynced_events(connection, "acme")


def rows(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    """Read rows by plain SQL."""
    with ledger.reading() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def usage_rows(ledger: Ledger) -> list[tuple[object, ...]]:
    """Read the usage rows that the tests compare most."""
    return rows(
        ledger,
        "SELECT type, call_id, call_revision, customer, period, billed_minutes, "
        "amount_micro FROM b2b_usage ORDER BY id",
    )


def close_period(ledger: Ledger, period: BillingPeriod) -> None:
    """Close a month, as a later command does."""
    with ledger.writing() as connection:
        statement = text(
            "INSERT INTO period_close (period, closed_at, closed_by, digest) "
            "VALUES (:period, :at, 'tests', 'none')"
        )
        at = hour_of(ACTOR.at).isoformat()
        audit_log.touch(connection, period_close, [str(period)])
        connection.execute(statement, {"period": str(period), "at": at})
