"""The table: which invariant falls when which assumption does not hold."""

from collections.abc import Iterable, Iterator

from tests.model.assumptions import (
    MEASURED,
    UNMEASURED,
    Assumption,
    Bounds,
    Invariant,
    Rules,
)
from tests.model.search import Found, search

TWICE, TRUE = Invariant.NEVER_COUNTED_TWICE, Invariant.SYNCED_MEANS_COUNTED
ZERO = Invariant.NEVER_BELOW_ZERO
# What is known to rest on what; an assumption with nothing is used, and not relied on.
EXPECTED: dict[Assumption, set[Invariant]] = {
    Assumption.IDENTIFIER_IS_REMEMBERED: {TWICE},
    Assumption.ARRIVES_IN_TIME: {TWICE},
    Assumption.SHOWN_IN_TIME: {TWICE},
    Assumption.STAYS_SHOWN: {TWICE},
    Assumption.MINUTE_IS_EXACT: {TWICE, TRUE},
    Assumption.TAKEN_IS_COUNTED: {TRUE},
    Assumption.REFUSED_IS_NOT_COUNTED: {TWICE},
    Assumption.CANCELLED_IS_GONE: {TWICE},
    Assumption.CANCEL_WORKS: set(),
    Assumption.REJECTION_IS_REPORTED: set(),
    Assumption.REPORT_IS_TRUE: {TWICE},
    Assumption.CORRECTED_IS_NOT_REJECTED: {ZERO},
    Assumption.CLOCK_IS_RIGHT: {TWICE, Invariant.NOTHING_STUCK},
    Assumption.COMMIT_LASTS: {TWICE},
}
REGIMES: dict[str, Bounds] = {
    "lags not measured for long": UNMEASURED,
    "lags measured for 35 days": MEASURED,
}


def rows(broken: Iterable[Assumption | None]) -> Iterator[tuple[str, Found]]:
    """Search for each broken assumption; None: all hold, in either regime."""
    for assumption in broken:
        if assumption is None:
            for name, bounds in REGIMES.items():
                yield f"all hold, {name}", search(Rules(bounds))
        else:
            rules = Rules(UNMEASURED, frozenset({assumption}))
            yield assumption.name.lower(), search(rules)


def is_expected(found: Found) -> bool:
    """Say whether just those invariants fall that are known to."""
    known = EXPECTED[found.broken] if found.broken else set()
    return set(found.traces) == known


def line(name: str, found: Found) -> str:
    """Return a row: in how many steps each invariant falls."""
    holds = f"holds for {found.most_steps}" if found.most_steps else "holds"
    cells = [
        f"{len(found.traces[one])} steps" if one in found.traces else holds
        for one in Invariant
    ]
    told = "" if is_expected(found) else "  NOT AS EXPECTED"
    size = f"{found.states:>8,} {found.seconds:>6.1f} s"
    return f"{name:<40}" + "".join(f"{cell:<22}" for cell in cells) + size + told


def heading() -> str:
    """Return the heading of the rows."""
    names = "".join(f"{one.name.lower():<22}" for one in Invariant)
    return f"{'broken assumption':<40}{names}{'states':>8} {'time':>8}"
