"""How far minutes have come: to Stripe's meter, and to the invoice of their month."""

from dataclasses import dataclass
from enum import StrEnum

from billing.domain.break_causes import Cause
from billing.domain.meter_event import EventState, FailReason


class _Counted(StrEnum):
    """Whether minutes are on the meter, as far as is known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


_NOT_SENT = "to be reported by a sync, when the hour is over"
_SHOWN = "on Stripe's meter when that was last read, with its answer lost"
_AFTER_ALL = "on Stripe's meter when that was last read, though given up here"
_HELD = "held, and not sent to Stripe: it takes minutes back, which it may not yet"
_TWICE = "and more than once"
_UNSHOWN = "whose summary does not show all of its hour"
_GONE = "and not on its meter when that was last read"
_OPENING = (
    "counted by the opening of what another program reported before {}, and not sent"
)
_STRANGER = "which does not know the customer any more"
_FAILED = {
    FailReason.UNANSWERED: (
        _Counted.UNKNOWN,
        "sent to Stripe without an answer; the next run sends it again, to count once",
    ),
    FailReason.REJECTED: (
        _Counted.NO,
        (
            "not counted by Stripe, which refused it: fix the cause, then "
            "`sync --retry --reason TEXT`"
        ),
    ),
    FailReason.UNCERTAIN: (
        _Counted.UNKNOWN,
        "perhaps counted by Stripe; its own minute is read until that is settled",
    ),
    FailReason.EXPIRED: (
        _Counted.NO,
        "not counted by Stripe, which takes nothing so old: invoice it by hand",
    ),
    FailReason.CANCELLING: (
        _Counted.UNKNOWN,
        "being taken back from Stripe, to be reported anew",
    ),
    FailReason.REPLACED: (
        _Counted.NO,
        "not counted by Stripe; its minutes go on in another event",
    ),
    FailReason.VOIDED: (
        _Counted.NO,
        "not counted by Stripe: a person decided that it is never reported",
    ),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides what may be said of minutes: their event, breaks and invoice.

    Without a state no event carries them yet. The invoice is that of their month, read
    before or after they were counted; where none was looked for, nothing is said.
    """

    state: EventState | None
    reason: FailReason | None = None
    causes: frozenset[Cause] = frozenset()
    opening_before: str | None = None  # it stands for what another program reported
    cancelled_out: bool = False  # its event comes to nothing
    looked_for_invoice: bool = False
    invoice: str | None = None
    invoice_read_before: bool = False

    def sentence(self, counted_at: str | None = None) -> str:
        """Say how far the minutes have come, in a sentence that agrees with itself."""
        counted, words = self._stage(f" at {counted_at}" if counted_at else "")
        return words + self._invoiced(counted)

    def _stage(self, at: str) -> tuple[_Counted, str]:
        if self.state is None:
            return _Counted.NO, _NOT_SENT
        if self.state is EventState.SYNCED:
            return self._synced(at)
        if Cause.COUNTED_UNRECORDED in self.causes:
            return _Counted.YES, self._twice(_SHOWN)
        if Cause.COUNTED_AFTER_ALL in self.causes:
            return _Counted.YES, self._twice(_AFTER_ALL)
        if self.state is EventState.PENDING and Cause.HELD in self.causes:
            return _Counted.NO, _HELD
        if self.state is EventState.PENDING:
            return _Counted.UNKNOWN, "on the way to Stripe, and not answered yet"
        return _FAILED[self.reason or FailReason.UNCERTAIN]

    def _synced(self, at: str) -> tuple[_Counted, str]:
        if self.opening_before is not None:
            return _Counted.YES, _OPENING.format(self.opening_before)
        if self.cancelled_out:
            return _Counted.NO, "cancelled out within the hour, with nothing to report"
        if Cause.NOT_COUNTED in self.causes:
            return _Counted.NO, f"taken by Stripe{at}, {_GONE}"
        if Cause.UNKNOWN_CUSTOMER in self.causes:
            return _Counted.UNKNOWN, f"taken by Stripe{at}, {_STRANGER}"
        if Cause.NOT_SETTLED in self.causes:
            return _Counted.UNKNOWN, f"taken by Stripe{at}, {_UNSHOWN}"
        return _Counted.YES, self._twice(f"counted by Stripe{at}")

    def _twice(self, words: str) -> str:
        return f"{words}, {_TWICE}" if Cause.COUNTED_TWICE in self.causes else words

    def _invoiced(self, counted: _Counted) -> str:
        if not self.looked_for_invoice:
            return ""
        if self.invoice is None:
            return ", on no invoice yet"
        names = self.invoice.split()
        are_many = len(names) > 1
        them = f"the {'invoices' if are_many else 'invoice'} {', '.join(names)}"
        if counted is _Counted.NO:
            return f"; {them} {'are' if are_many else 'is'} without it"
        if Cause.INVOICED_BEFORE_IT_ARRIVED in self.causes:
            return f", after {them} {'were' if are_many else 'was'} final"
        is_unknown = counted is _Counted.UNKNOWN or self.invoice_read_before
        if is_unknown or Cause.INVOICE_DIFFERS in self.causes:
            return f"; whether {them} {'have' if are_many else 'has'} it is not known"
        return f", on one of {them}" if are_many else f", on invoice {self.invoice}"
