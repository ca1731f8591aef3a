"""Groups of causes: what waits, is too much, needs nobody, or has no price."""

from billing.domain.break_causes import Cause
from billing.domain.break_kinds import Resolution

# What these come to has no customer, or no price that anybody knows.
UNPRICED = frozenset(
    {
        Cause.SOURCE_MINUTES_DIFFER,
        Cause.SOURCE_TOTAL_DIFFERS,
        Cause.MONTH_EDGE,
        Cause.OPENING_DIFFERS,
        Cause.QUARANTINED,
        Cause.DECIDED,
        Cause.CALL_UNDERWAY,
        Cause.CALL_IN_TWO_ACCOUNTS,
        Cause.FOREIGN_EVENT,
        Cause.INVOICE_DIFFERS,
    }
)
WAITING = frozenset(cause for cause in Cause if cause.resolution is Resolution.WAITS)
# More stands at the meter than is billed here: sending stops till a person decides.
TOO_MUCH = frozenset({Cause.ABOVE_LEDGER, Cause.COUNTED_TWICE, Cause.FOREIGN_EVENT})
CARRIED = frozenset(cause for cause in Cause if cause.resolution is Resolution.CARRIED)
# What to do about these ends in sending, which a ledger that is not sound does not.
ENDS_IN_SENDING = frozenset(
    {
        Cause.OPENING_DIFFERS,
        Cause.NOT_STAGED,
        Cause.IN_FLIGHT,
        Cause.UNANSWERED,
        Cause.REJECTED,
        Cause.UNCERTAIN,
        Cause.CANCELLING,
        Cause.COUNTED_UNRECORDED,
        Cause.NOT_COUNTED,
        Cause.COUNTED_TWICE,
    }
)
EXPLAINED = CARRIED | {Cause.DECIDED}  # nobody has to do anything about these


def known_amount(cause: Cause, minutes: int, amount_micro: int) -> int | None:
    """Return what minutes of a cause come to; None when nobody can price them."""
    return None if minutes and not amount_micro and cause in UNPRICED else amount_micro
