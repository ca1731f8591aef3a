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
ZERO, STUCK = Invariant.NEVER_BELOW_ZERO, Invariant.NOTHING_STUCK
# What is known to rest on what: an assumption that is not here carries nothing.
EXPECTED: dict[Assumption | None, set[Invariant]] = {}
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
    return set(found.traces) == EXPECTED.get(found.broken, set())


def line(name: str, found: Found) -> str:
    """Return a row: in how many steps each invariant falls."""
    cells = [
        f"{len(found.traces[one])} steps" if one in found.traces else "holds"
        for one in Invariant
    ]
    told = "" if is_expected(found) else "  NOT AS EXPECTED"
    size = f"{found.states:>8,} {found.seconds:>6.1f} s"
    return f"{name:<40}" + "".join(f"{cell:<22}" for cell in cells) + size + told


def heading() -> str:
    """Return the heading of the rows."""
    names = "".join(f"{one.name.lower():<22}" for one in Invariant)
    return f"{'broken assumption':<40}{names}{'states':>8} {'time':>8}"
