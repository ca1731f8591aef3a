"""Pages of a list, cut by cursors the way Stripe does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self, TypeVar

from billing.sandbox.stripe.http.errors import invalid, missing
from billing.sandbox.stripe.http.params import Fields

MOST = 100
USUAL = 10
Item = TypeVar("Item")


@dataclass(frozen=True)
class Cursor:
    """Which page of a list is asked for."""

    limit: int
    starting_after: str | None
    ending_before: str | None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the paging parameters of a request."""
        limit = fields.maybe_whole("limit")
        limit = USUAL if limit is None else limit
        if not 1 <= limit <= MOST:
            raise invalid(f"Limit has to be between 1 and {MOST}.", param="limit")
        after = fields.maybe_text("starting_after")
        before = fields.maybe_text("ending_before")
        if after and before:
            raise invalid(
                "starting_after and ending_before cannot be given together.",
                param="ending_before",
            )
        return cls(limit, after, before)

    def page(
        self, items: Sequence[Item], name: Callable[[Item], str]
    ) -> tuple[Sequence[Item], bool]:
        """Cut the page out of the whole list, and say whether it goes on."""
        if self.ending_before:
            end = self._place(items, name, self.ending_before, "ending_before")
            start = max(0, end - self.limit)
            return items[start:end], start > 0
        start = 0
        if self.starting_after:
            start = 1 + self._place(items, name, self.starting_after, "starting_after")
        return items[start : start + self.limit], start + self.limit < len(items)

    @staticmethod
    def _place(
        items: Sequence[Item], name: Callable[[Item], str], wanted: str, param: str
    ) -> int:
        for place, item in enumerate(items):
            if name(item) == wanted:
                return place
        raise missing("object", wanted, param)


@dataclass(frozen=True)
class Bounds:
    """Between which unix seconds a list's objects are to be created."""

    first: int | None = None
    last: int | None = None

    @classmethod
    def read(cls, fields: Fields, name: str = "created") -> Self:
        """Read `created`: one second, or a hash of gt, gte, lt and lte."""
        if not fields.is_group(name):
            second = fields.maybe_whole(name)
            return cls(second, second)
        group = fields.group(name) or Fields({})
        gt, gte = group.maybe_whole("gt"), group.maybe_whole("gte")
        lt, lte = group.maybe_whole("lt"), group.maybe_whole("lte")
        group.end()
        firsts = [gte, None if gt is None else gt + 1]
        lasts = [lte, None if lt is None else lt - 1]
        return cls(
            max((second for second in firsts if second is not None), default=None),
            min((second for second in lasts if second is not None), default=None),
        )

    def hold(self, second: int) -> bool:
        """Say whether a second lies within them."""
        return (self.first is None or second >= self.first) and (
            self.last is None or second <= self.last
        )


def plain_text(value: Decimal) -> str:
    """Write a number as Stripe's decimal strings have it: no exponent, no tail."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def listing(
    url: str, rows: list[dict[str, object]], *, more: bool
) -> dict[str, object]:
    """Return a page as Stripe's list object."""
    return {"object": "list", "url": url, "has_more": more, "data": rows}
