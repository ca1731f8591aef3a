"""Preflight: what must hold of a meter before anything is sent to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.meter_event import CLOCK_SLACK
from billing.errors import MeterUnfit
from billing.ports import Meter, MeterState

CUSTOMER_KEY = "stripe_customer_id"
VALUE_KEY = "value"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class MeterFlaw:
    """Something about the meter that would make minutes count wrongly."""

    what: str
    remedy: str


def find_flaws(state: MeterState | None, name: str, livemode: bool) -> list[MeterFlaw]:
    """Return what is wrong with a meter; an empty list allows sending."""
    if state is None:
        return [
            MeterFlaw(
                f"there is no meter with the event name {name}",
                "create it in Stripe (Billing, Meters; aggregation: sum), or set "
                "[stripe] meter to the right name",
            )
        ]
    expected = (
        ("status", state.status, "active", "reactivate the meter"),
        ("aggregation", state.formula, "sum", "create a meter that sums"),
        (
            "event_time_window",
            state.event_time_window,
            None,
            "create a meter without pre-aggregation: this one would lose minutes",
        ),
        ("customer key", state.customer_key, CUSTOMER_KEY, "create a meter with it"),
        ("value key", state.value_key, VALUE_KEY, "create a meter with it"),
        ("livemode", state.livemode, livemode, "use a key of the mode you mean"),
    )
    return [
        MeterFlaw(f"the meter's {field} is {found!r}, not {wanted!r}", remedy)
        for field, found, wanted, remedy in expected
        if found != wanted
    ]


def require_usable_meter(meter: Meter, *, livemode: bool, now: datetime) -> MeterState:
    """Return how the meter is set up; raises MeterUnfit or MeterFault.

    A clock that is off by minutes is refused too: every age would be wrong.
    """
    state = meter.describe()
    flaws = find_flaws(state, meter.event_name, livemode)
    if flaws or state is None:
        flaws_found = "; ".join(f"{flaw.what}: {flaw.remedy}" for flaw in flaws)
        raise MeterUnfit(f"nothing is sent, because {flaws_found}")
    if state.server_time is not None and abs(now - state.server_time) > CLOCK_SLACK:
        off = abs(now - state.server_time) // SECOND
        raise MeterUnfit(
            f"nothing is sent, because this machine's clock is {off} s off Stripe's: "
            "set it by a time server (NTP)"
        )
    return state
