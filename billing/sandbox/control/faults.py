"""Faults as the control surface reads and shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.sandbox.control.calls import ControlError, needed_moment
from billing.sandbox.faults import Fault, FaultKind
from billing.sandbox.pamela.call import Document, written

KINDS = tuple(kind.value for kind in FaultKind)
NUMBERS = {FaultKind.HUGE, FaultKind.LATENCY}  # whose detail counts something
# RATE_LIMIT's detail is seconds at Pamela but a word at Stripe; codes are numbers.


@dataclass(frozen=True)
class Field:
    """A field of a fault: what it must look like, in a check and in words."""

    valid: Callable[[object], bool]
    words: str


FIELDS = {
    "kind": Field(lambda value: value in KINDS, f"one of {', '.join(KINDS)}"),
    "endpoint": Field(
        lambda value: isinstance(value, str) and bool(value),
        "a glob over endpoint names, such as stripe.meter_events.*",
    ),
    "probability": Field(
        lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and 0 <= value <= 1
        ),
        "a number from 0 to 1",
    ),
    "count": Field(
        lambda value: value is None or (type(value) is int and value >= 0),
        "a whole number, or null for endless",
    ),
    "seconds": Field(
        lambda value: type(value) is int and 0 < value < 10**9,
        "how many seconds from now it lasts, a whole number",
    ),
    "detail": Field(
        lambda value: isinstance(value, str) or type(value) is int,
        "a text or a whole number",
    ),
}
TIMES = ("starts_at", "ends_at")


def read_faults(documents: object, now: datetime) -> list[Fault]:
    """Read a JSON list of faults."""
    if not isinstance(documents, list):
        raise ControlError("a JSON list of faults is expected")
    return [_fault(document, now) for document in documents]


def fault_json(fault: Fault) -> Document:
    """Render a fault as it can be read again."""
    return {
        "kind": fault.kind.value,
        "endpoint": fault.endpoint,
        "probability": fault.probability,
        "count": fault.count,
        "starts_at": written(fault.starts_at) if fault.starts_at else None,
        "ends_at": written(fault.ends_at) if fault.ends_at else None,
        "detail": fault.detail,
    }


def _fault(document: object, now: datetime) -> Fault:
    if not isinstance(document, dict) or "kind" not in document:
        raise ControlError("a fault is an object with a kind")
    for name, value in document.items():
        if name in TIMES:
            continue
        if name not in FIELDS:
            fields = ", ".join([*FIELDS, *TIMES])
            raise ControlError(f"a fault has no {name}; it has {fields}")
        if not FIELDS[name].valid(value):
            raise ControlError(f"{name} is {FIELDS[name].words}, got {value!r}")
    starts, ends = (
        None if document.get(name) is None else needed_moment(document[name], name)
        for name in TIMES
    )
    if "seconds" in document:
        ends = (starts or now) + timedelta(seconds=document["seconds"])
    return Fault(
        kind=_kind(document),
        endpoint=document.get("endpoint", "*"),
        probability=document.get("probability", 1.0),
        count=document.get("count"),
        starts_at=starts,
        ends_at=ends,
        detail=str(document.get("detail", "")),
    )


def _kind(document: Document) -> FaultKind:
    """Return the kind; a detail that must be a number is one."""
    kind = FaultKind(str(document["kind"]))
    detail = str(document.get("detail", ""))
    if kind in NUMBERS and detail and not detail.isdecimal():
        raise ControlError(f"the detail of {kind} is a whole number, got {detail!r}")
    return kind
