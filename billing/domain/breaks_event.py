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
    was_forgotten: bool = False  # a restore took from the ledger how it was sent
    shown: int | None = None  # None: not read

    @property
    def is_told(self) -> bool:
        """Whether its own minute was read, and says what became of it.

        What is forgotten may have been sent with fewer of the minutes that it has now,
        and others of them in a minute beside it: then only its hour says something.
        """
        if self.shown is None:
            return False
        whole = self.charge.minutes
        is_part = min(0, whole) < self.shown < max(0, whole)
        return self.counted or not (self.was_forgotten and is_part)

    @property
    def is_shown_whole(self) -> bool:
        """Whether its own minute was read and shows it."""
        return self.shown == self.charge.minutes

    @property
    def is_doubled(self) -> bool:
        """Whether its own minute shows it more than once, as a resend explains."""
        if self.shown is None or not self.was_sent_again:
            return False
        return is_multiple(self.shown, self.charge.minutes)

    @property
    def expected(self) -> int:
        """The minutes that its own minute should show."""
        return self.charge.minutes if self.counted else 0


def gaps_of(event: SentEvent) -> Iterator[tuple[Cause, int]]:
    """Give what an event's own minute shows that it should not, each with its cause."""
    shown, whole = event.shown, event.charge.minutes
    if shown is None or not event.is_told or shown == event.expected:
        return
    holds_it = _times(shown, whole) > 0
    if event.counted and not holds_it and min(0, whole) <= shown <= max(0, whole):
        yield Cause.NOT_COUNTED, shown - whole
        return
    if holds_it and not event.counted:
        yield (
            Cause.COUNTED_UNRECORDED if event.uncertain else Cause.COUNTED_AFTER_ALL,
            whole,
        )
    beside = shown - (whole if holds_it or event.counted else 0)
    if beside:
        yield _cause_beside(event, shown), beside


def _cause_beside(event: SentEvent, shown: int) -> Cause:
    """Name what stands beside an event: its double, another's, or some of each."""
    whole = event.charge.minutes
    if event.is_doubled:
        return Cause.COUNTED_TWICE
    may_be_doubled = event.was_sent_again and _times(shown, whole) > 1
    return Cause.ABOVE_LEDGER if may_be_doubled else Cause.FOREIGN_EVENT


def _times(shown: int, whole: int) -> int:
    """Say how many times an event may be in what is shown: below 1, not at all."""
    return shown // whole if whole else 0
