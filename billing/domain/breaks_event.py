"""One event at the meter: what its own minute shows that it should not."""

from collections.abc import Iterator
from dataclasses import dataclass

from billing.domain.break_causes import Cause
from billing.domain.period import Window
from billing.domain.posting import Charge
from billing.domain.settlement import is_multiple


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event of an hour that was sent, and what its own minute shows."""

    identifier: str
    own_minute: Window
    charge: Charge
    calls: tuple[str, ...]
    counted: bool  # as the ledger knows it
    uncertain: bool = False
    was_sent_again: bool = False  # after an outcome that nobody knew
    shown: int | None = None  # None: not read

    @property
    def is_shown_whole(self) -> bool:
        """Whether its own minute was read and shows it."""
        return self.shown == self.charge.minutes

    @property
    def expected(self) -> int:
        """The minutes that its own minute should show."""
        return self.charge.minutes if self.counted else 0


def gaps_of(event: SentEvent) -> Iterator[tuple[Cause, int]]:
    """Give what an event's own minute shows that it should not, each with its cause."""
    shown, whole = event.shown, event.charge.minutes
    if shown is None or shown == event.expected:
        return
    is_doubled = event.was_sent_again and is_multiple(shown, whole)
    once = whole if is_doubled else shown
    if not event.counted:
        lost = Cause.COUNTED_UNRECORDED if event.uncertain else Cause.COUNTED_AFTER_ALL
        yield lost, once
    elif once != whole:
        yield _gap_cause(event, once), once - whole
    if is_doubled:
        yield Cause.COUNTED_TWICE, shown - once


def _gap_cause(event: SentEvent, shown: int) -> Cause:
    """Name what an event that is known as counted shows beside itself, or lacks."""
    whole = event.charge.minutes
    if min(0, whole) <= shown <= max(0, whole):
        return Cause.NOT_COUNTED
    # What was counted twice may be in it, beside what somebody else reported.
    may_be_doubled = event.was_sent_again and whole != 0 and shown // whole > 1
    return Cause.ABOVE_LEDGER if may_be_doubled else Cause.FOREIGN_EVENT
