"""Planted bugs of the source: what moved within a total, and what contradicts."""

from typing import Any

from billing.domain.call_times import TimeTolerance
from billing.ledger.pull import call_identity, contradictions
from billing.ledger.pull.call_identity import UNKNOWN
from billing.pipeline import earlier_months
from billing.pipeline.pull import account_rules
from billing.pipeline.reconcile import fresh_month, reconcile
from tests.simulation.planted.bug import Planted, always, bug

_NARROW = TimeTolerance(tolerance_seconds=1, tolerance_percent=0)


def _only_where_totals_differ(real: Any) -> Any:
    def read(work: Any, sides: Any) -> Any:
        return real(work, sides) if any(s.is_off for s in sides.values()) else {}

    return read


def _whatever_was_recorded(real: Any) -> Any:
    return lambda rated, _known: real(rated, UNKNOWN)


class _Alike(str):
    """A digest that is like any other."""

    __slots__ = ()

    def __eq__(self, _other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def _all_alike(real: Any) -> Any:
    return lambda *args: {name: _Alike() for name in real(*args)}


SOURCE_BUGS: tuple[Planted, ...] = (
    bug(
        "an account's total stands in for its customers",
        (reconcile._Reconciling, "_read_again", _only_where_totals_differ),
    ),
    bug(
        "a call that changed is taken for what was recorded of it",
        (fresh_month, "billed_extracts", _all_alike),
    ),
    bug(
        "a month that is closed is never read again",
        (earlier_months, "due_month", always(None)),
    ),
    bug(
        "a call that contradicts itself is billed",
        (account_rules, "find_contradiction", always(None)),
    ),
    bug(
        "times that are nearly a minute apart are set aside",
        (
            account_rules,
            "find_contradiction",
            lambda real: lambda call, _tolerance: real(call, _NARROW),
        ),
    ),
    bug(
        "a billed call that contradicts itself is set aside",
        (call_identity, "why_impossible", _whatever_was_recorded),
    ),
    bug(
        "a billed call that contradicts itself is listed nowhere",
        (contradictions, "note", always(None)),
    ),
)
