"""The control surface's Pamela: what her documents leave open, one way or the other."""

from billing.sandbox.control.calls import ControlError
from billing.sandbox.control.durations import plain_duration, seconds
from billing.sandbox.control.request import Act, ControlRequest
from billing.sandbox.distance import Distance
from billing.sandbox.pamela.call import Document, FilteredBy

LONGEST_ROUND_TRIP_SECONDS = 3_600
LIMIT = "requests_per_second"


def _show_rules(request: ControlRequest) -> Document:
    pamela = request.sandbox.pamela
    return {
        "filtered_by": pamela.filtered_by.value,
        LIMIT: pamela.requests_per_second,
        "round_trip": plain_duration(pamela.distance.round_trip),
        "round_trip_spread": plain_duration(pamela.distance.spread),
    }


def _change_rules(request: ControlRequest) -> Document:
    shown = _show_rules(request)
    wanted = shown | request.document(*shown)
    filtered_by = wanted["filtered_by"]
    if filtered_by not in {kind.value for kind in FilteredBy}:
        kinds = " or ".join(FilteredBy)
        raise ControlError(f"filtered_by is {kinds}, got {filtered_by!r}")
    limit = wanted[LIMIT]
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ControlError(f"{LIMIT} is a whole number from 1, or null for none")
    round_trip, spread = (
        seconds(wanted[name], name, LONGEST_ROUND_TRIP_SECONDS)
        for name in ("round_trip", "round_trip_spread")
    )
    pamela, now = request.sandbox.pamela, request.sandbox.clock.now()
    pamela.filter_by(FilteredBy(str(filtered_by)), now)
    pamela.requests_per_second = limit
    pamela.distance = Distance(round_trip, spread)
    return _show_rules(request)


PAMELA_TABLE: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/_sandbox/pamela/rules", _show_rules),
    ("PUT", "/_sandbox/pamela/rules", _change_rules),
)
