"""What a subscription allows: all, all for a last week, or nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from pamela.exceptions import InvalidResponse, SubscriptionError
from pamela.types import SubscriptionResponse

GRACE = timedelta(days=7)
SUBSCRIPTION_REQUIRED = 1005
SUBSCRIPTION_EXPIRED = 7008


class AccessState(Enum):
    """How a subscription stands; calls are charged in the first two."""

    ACTIVE = "active"
    PAST_DUE = "past_due"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Access:
    """Whether the API may be used; `code` is the reason it may not (1005 or 7008)."""

    state: AccessState
    code: int | None = None
    grace_ends_at: datetime | None = None

    @property
    def allowed(self) -> bool:
        """Whether calls can be made."""
        return self.state is not AccessState.BLOCKED


def read_access(
    subscription: SubscriptionResponse,
    at: datetime,
    *,
    payment_failed_at: datetime | None = None,
) -> Access:
    """Say what a subscription allows at a moment.

    The grace ends when the answer says so, else a week after the payment failed.
    Without either it counts as over.
    """
    status = subscription.get("subscription_status")
    if status in {"active", "trialing"}:
        return Access(AccessState.ACTIVE)
    if status != "past_due":
        return Access(AccessState.BLOCKED, SUBSCRIPTION_REQUIRED)
    ends_at = _moment(subscription.get("grace_period_ends_at"))
    if ends_at is None and payment_failed_at is not None:
        ends_at = payment_failed_at + GRACE
    if ends_at is not None and at < ends_at:
        return Access(AccessState.PAST_DUE, None, ends_at)
    return Access(AccessState.BLOCKED, SUBSCRIPTION_EXPIRED, ends_at)


def refused_access(error: SubscriptionError) -> Access:
    """Say how a subscription stands whose request was refused."""
    is_known = error.error_code in {SUBSCRIPTION_REQUIRED, SUBSCRIPTION_EXPIRED}
    code = int(error.error_code) if is_known and error.error_code is not None else None
    return Access(AccessState.BLOCKED, code)


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise InvalidResponse("grace_period_ends_at is no ISO 8601 time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
