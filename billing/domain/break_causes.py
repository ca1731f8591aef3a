"""Causes: why two totals differ, what it means and what to do; the list is closed."""

from enum import StrEnum

from billing.domain.break_kinds import Book, Explanation, Resolution


class Cause(StrEnum):
    """Why two totals differ."""

    LATE_CALL = "late_call"
    CHANGED_CALL = "changed_call"
    MISSING_AT_SOURCE = "missing_at_source"
    MONTH_EDGE = "month_edge"
    SOURCE_MINUTES_DIFFER = "source_minutes_differ"
    QUARANTINED = "quarantined"
    DECIDED = "decided"
    CALL_UNDERWAY = "call_underway"
    TIMES_CONTRADICT = "times_contradict"
    CALL_IN_TWO_ACCOUNTS = "call_in_two_accounts"
    SOURCE_TOTAL_DIFFERS = "source_total_differs"
    BEFORE_FIRST_PERIOD = "before_first_period"
    BILLED_IN_LATER_MONTH = "billed_in_later_month"
    CORRECTS_EARLIER_MONTH = "corrects_earlier_month"
    SENT_IN_LATER_MONTH = "sent_in_later_month"
    CARRIES_EARLIER_MONTH = "carries_earlier_month"
    OPENING_DIFFERS = "opening_differs"
    NOT_STAGED = "not_staged"
    IN_FLIGHT = "in_flight"
    HELD = "held"
    UNANSWERED = "unanswered"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    VOIDED = "voided"
    COUNTED_UNRECORDED = "counted_unrecorded"
    COUNTED_AFTER_ALL = "counted_after_all"
    NOT_SETTLED = "not_settled"
    UNKNOWN_CUSTOMER = "unknown_customer"
    NOT_COUNTED = "not_counted"
    ABOVE_LEDGER = "above_ledger"
    COUNTED_TWICE = "counted_twice"
    FOREIGN_EVENT = "foreign_event"
    INVOICED_BEFORE_IT_ARRIVED = "invoiced_before_it_arrived"
    INVOICE_DIFFERS = "invoice_differs"

    @property
    def book(self) -> Book:
        """The two totals that it lies between."""
        return CAUSES[self].book

    @property
    def resolution(self) -> Resolution:
        """What becomes of it when nobody does anything."""
        return CAUSES[self].resolution

    @property
    def meaning(self) -> str:
        """What it means, in one line."""
        return CAUSES[self].meaning

    @property
    def remedy(self) -> str:
        """What to do, in one line."""
        return CAUSES[self].remedy


_WAITS, _STAYS, _CARRIED, _DECIDED = Resolution
CAUSES: dict[Cause, Explanation] = {
    Cause.LATE_CALL: Explanation(
        Book.SOURCE,
        _WAITS,
        "Pamela has the call, the ledger does not yet",
        "the next pull brings it; `reconcile --heal` pulls now",
    ),
    Cause.CHANGED_CALL: Explanation(
        Book.SOURCE,
        _WAITS,
        "Pamela has changed the call since",
        "the next pull corrects it; `reconcile --heal` pulls now",
    ),
    Cause.MISSING_AT_SOURCE: Explanation(
        Book.SOURCE,
        _STAYS,
        "billed, and deleted at Pamela since",
        "ask Pamela; the ledger keeps what was billed until a person decides",
    ),
    Cause.MONTH_EDGE: Explanation(
        Book.SOURCE,
        _STAYS,
        "began at the edge of the month, on which side is not certain",
        "pull both months; what then stays, Pamela counts in the other month",
    ),
    Cause.SOURCE_MINUTES_DIFFER: Explanation(
        Book.SOURCE,
        _STAYS,
        "Pamela's minutes of the call do not follow the rule",
        "ask Pamela; what is billed follows the rule",
    ),
    Cause.QUARANTINED: Explanation(
        Book.SOURCE,
        _STAYS,
        "in quarantine here: Pamela counts it, and it is not billed as it is now",
        "the evidence says whose it is to mend; the next pull then bills it",
    ),
    Cause.DECIDED: Explanation(
        Book.SOURCE,
        _DECIDED,
        "a person decided what the call comes to, which Pamela leaves unclear",
        "nothing; `quarantine --decide CALL` decides anew",
    ),
    Cause.CALL_UNDERWAY: Explanation(
        Book.SOURCE,
        _WAITS,
        "not over yet, and counted by Pamela already",
        "the pull after its end bills it",
    ),
    Cause.TIMES_CONTRADICT: Explanation(
        Book.SOURCE,
        _STAYS,
        "billed already, and its duration and its times contradict each other",
        "ask Pamela which is right; it stays billed, so acknowledge it",
    ),
    Cause.CALL_IN_TWO_ACCOUNTS: Explanation(
        Book.SOURCE,
        _STAYS,
        "another account lists the call too: billed there alone",
        "ask Pamela whose the call is, or take one account out of the settings",
    ),
    Cause.SOURCE_TOTAL_DIFFERS: Explanation(
        Book.SOURCE,
        _STAYS,
        "Pamela's total of the account is not the sum of its calls",
        "pull the month again; what then stays is for Pamela to explain",
    ),
    Cause.BEFORE_FIRST_PERIOD: Explanation(
        Book.MONTHS,
        _STAYS,
        "was billed, and Pamela now dates it before first_period",
        "its minutes were taken back: bill them by hand, or acknowledge it",
    ),
    Cause.BILLED_IN_LATER_MONTH: Explanation(
        Book.MONTHS,
        _CARRIED,
        "came after the close: billed in a later month",
        "nothing; the later month shows the same minutes",
    ),
    Cause.CORRECTS_EARLIER_MONTH: Explanation(
        Book.MONTHS,
        _CARRIED,
        "belongs to an earlier, closed month",
        "nothing; the earlier month shows the same minutes",
    ),
    Cause.SENT_IN_LATER_MONTH: Explanation(
        Book.SENDING,
        _CARRIED,
        "rejected after the close: sent in a later month",
        "nothing; the later month shows the same minutes",
    ),
    Cause.CARRIES_EARLIER_MONTH: Explanation(
        Book.SENDING,
        _CARRIED,
        "reports minutes of an earlier, closed month",
        "nothing; the earlier month shows the same minutes",
    ),
    Cause.OPENING_DIFFERS: Explanation(
        Book.SENDING,
        _STAYS,
        "another program reported other minutes before the cut-over",
        "`adopt --difference send --customer NAME --reason TEXT` sends it; or leave it",
    ),
    Cause.NOT_STAGED: Explanation(
        Book.SENDING,
        _WAITS,
        "its hour is not over, or awaits the next sync",
        "the next sync sends it",
    ),
    Cause.IN_FLIGHT: Explanation(
        Book.SENDING,
        _WAITS,
        "queued for Stripe, and not yet answered",
        "the next sync sends it",
    ),
    Cause.HELD: Explanation(
        Book.SENDING,
        _STAYS,
        "takes minutes back, which may not be sent as things are",
        "credit the customer, or `sync --void EVENT --reason TEXT`",
    ),
    Cause.UNANSWERED: Explanation(
        Book.SENDING,
        _WAITS,
        "Stripe gave no answer, all tries are used up",
        "the next sync resends it, which is safe for 23 hours",
    ),
    Cause.REJECTED: Explanation(
        Book.SENDING,
        _STAYS,
        "Stripe refused it, at once or later: not counted",
        "fix what Stripe names, then `sync --retry --reason TEXT`",
    ),
    Cause.UNCERTAIN: Explanation(
        Book.SENDING,
        _STAYS,
        "perhaps counted, and too old to resend safely",
        "`sync --settle` reads the event's own minute and decides",
    ),
    Cause.EXPIRED: Explanation(
        Book.SENDING,
        _STAYS,
        "never sent, and too old for Stripe: past 35 days",
        "bill it outside the meter, then `sync --void EVENT --reason TEXT`",
    ),
    Cause.CANCELLING: Explanation(
        Book.SENDING,
        _WAITS,
        "its cancellation was sent, the outcome is unknown",
        "the next sync asks again; then `sync --settle`",
    ),
    Cause.VOIDED: Explanation(
        Book.SENDING,
        _STAYS,
        "a person decided not to send it",
        "acknowledge it: `breaks --acknowledge N --reason TEXT`",
    ),
    Cause.COUNTED_UNRECORDED: Explanation(
        Book.METER,
        _WAITS,
        "counted, but Stripe's answer was lost",
        "the next sync learns it; then `sync --settle`",
    ),
    Cause.COUNTED_AFTER_ALL: Explanation(
        Book.METER,
        _STAYS,
        "on the meter, though the ledger has it as not counted",
        "`sync --void EVENT --reason TEXT`, then acknowledge both breaks",
    ),
    Cause.NOT_SETTLED: Explanation(
        Book.METER,
        _WAITS,
        "Stripe's summary may still be catching up",
        "reconcile again later",
    ),
    Cause.UNKNOWN_CUSTOMER: Explanation(
        Book.METER,
        _STAYS,
        "Stripe does not know the customer, or deleted it",
        "fix stripe_customer in the settings",
    ),
    Cause.NOT_COUNTED: Explanation(
        Book.METER,
        _STAYS,
        "Stripe accepted it, and it is not on the meter",
        "`sync --settle` looks for the rejection; then `sync --retry --reason TEXT`",
    ),
    Cause.ABOVE_LEDGER: Explanation(
        Book.METER,
        _STAYS,
        "more on the meter than this ledger can have sent",
        "find who else reports to this meter; till then nothing is sent, unless "
        "`breaks --acknowledge N --reason TEXT` says to go on",
    ),
    Cause.COUNTED_TWICE: Explanation(
        Book.METER,
        _STAYS,
        "sent again after an uncertain outcome, and counted more than once",
        "while its invoice is open, make a negative event at Stripe by hand: same "
        "event name, customer and hour, the minutes too many below zero, an "
        "identifier of its own; after that, credit the customer",
    ),
    Cause.FOREIGN_EVENT: Explanation(
        Book.METER,
        _STAYS,
        "on the meter, and not from this ledger",
        "find who else reports to this meter; cancel or credit what is too much",
    ),
    Cause.INVOICED_BEFORE_IT_ARRIVED: Explanation(
        Book.INVOICE,
        _STAYS,
        "reached Stripe after the invoice was final",
        "bill or credit it on the next invoice",
    ),
    Cause.INVOICE_DIFFERS: Explanation(
        Book.INVOICE,
        _STAYS,
        "the invoice's quantity is not the meter's",
        "compare the invoice's lines; bill or credit the difference",
    ),
}
