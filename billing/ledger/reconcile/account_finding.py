"""An account's month: the source's own total against its calls, and why they differ."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.break_causes import Cause
from billing.domain.break_groups import EXPLAINED
from billing.domain.breaks import Break


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """What the source says in total of an account's month, against its calls."""

    account: str
    usage_minutes: int | None
    calls_minutes: int
    complete: bool
    edge_calls: tuple[str, ...] = ()  # at the month's edges, and all that is left
    explained: tuple[Break, ...] = ()  # by calls that are not billed, or not yet
    looked_back_to: datetime | None = None  # where the last search for more ended
    calls_read_at: datetime | None = None  # whole, at the latest; None: never
    usage_read_at: datetime | None = None

    @property
    def difference_minutes(self) -> int:
        """The minutes of the calls less the source's own total."""
        if self.usage_minutes is None:
            return 0
        return self.calls_minutes - self.usage_minutes

    @property
    def breaks(self) -> tuple[Break, ...]:
        """The difference with its cause; none when there is none."""
        left = self.difference_minutes - sum(item.minutes for item in self.explained)
        if not left:
            return self.explained
        edge = self.edge_calls
        remainder = Break(
            cause=Cause.MONTH_EDGE if edge else Cause.SOURCE_TOTAL_DIFFERS,
            minutes=left,
            amount_micro=0,
            calls=edge,
            evidence=None if edge else self._searched,
        )
        return *self.explained, remainder

    @property
    def agrees(self) -> bool:
        """Whether the totals agree, but for what a person has decided."""
        return all(item.cause in EXPLAINED for item in self.breaks)

    @property
    def _searched(self) -> str | None:
        if self.looked_back_to is None:
            return None
        return f"the last whole pull looked back to {self.looked_back_to:%Y-%m-%d}"
