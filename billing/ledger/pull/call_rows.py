"""Rows of calls and of usage: what one reading of a call becomes in the ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from billing.domain.period import EARLIEST, BillingPeriod
from billing.domain.posting import Charge, Slot, UsageType, posting_hour
from billing.ledger.pull.rated_call import RatedCall

CALL_COLUMNS = (
    "account",
    "call_id",
    "revision",
    "period",
    "status",
    "created_at",
    "started_at",
    "ended_at",
    "duration_seconds",
    "source_minutes",
    "customer",
    "not_billable",
    "minutes_gap",
    "extract_sha256",
    "source_sha256",
    "pull_id",
)
USAGE_COLUMNS = (
    "type",
    "account",
    "customer",
    "call_id",
    "call_revision",
    "period",
    "hour",
    "call_hour",
    "billed_minutes",
    "amount_micro",
    "currency",
    "price_id",
    "corrects",
    "pull_id",
    "posted_at",
)


class PullContext(NamedTuple):
    """What every row of one pull shares."""

    pull_id: int
    at: datetime
    currency: str
    price_ids: Mapping[datetime, int]
    closed: frozenset[BillingPeriod] = frozenset()
    first_period: BillingPeriod = EARLIEST


def call_row(context: PullContext, rated: RatedCall, revision: int) -> tuple[Any, ...]:
    """Return the row of a call's new revision."""
    call = rated.call
    return (
        call.account,
        call.call_id,
        revision,
        str(rated.period),
        call.status,
        call.created_at,
        call.started_at,
        call.ended_at,
        call.duration_seconds,
        call.source_minutes,
        rated.due[0].customer if rated.due else None,
        rated.not_billable and rated.not_billable.value,
        rated.minutes_gap,
        rated.extract_sha256,
        rated.source_sha256,
        context.pull_id,
    )


def usage_row(
    context: PullContext,
    rated: RatedCall,
    revision: int,
    slot: Slot,
    charge: Charge,
    *,
    corrects: int | None = None,
) -> tuple[Any, ...]:
    """Return the row of one posting, in its month or in the first that is open."""
    hour = posting_hour(slot.hour, context.closed, context.at)
    adjusts = corrects is not None or hour != slot.hour
    return (
        (UsageType.ADJUSTMENT if adjusts else UsageType.API_USAGE).value,
        rated.call.account,
        slot.customer,
        rated.call.call_id,
        revision,
        str(BillingPeriod.of(hour)),
        hour,
        slot.hour,
        charge.minutes,
        charge.amount_micro,
        context.currency,
        context.price_ids[rated.price_date] if rated.price_date else None,
        corrects,
        context.pull_id,
        context.at,
    )
