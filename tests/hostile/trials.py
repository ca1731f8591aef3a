"""Trials: one read or send against one bad behaviour, and what came of it."""

import re
import resource
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from billing.domain.request_rates import Rates
from billing.errors import BillingError
from billing.gateways.pamela import connect_usage
from billing.gateways.patience import Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.meter import StripeMeter
from billing.ports import SourceCall
from tests.hostile.endpoints import ENDPOINTS, Endpoint
from tests.hostile.server import key_for

FAST = 100_000  # requests a second: the pace has tests of its own
IMPATIENT = Patience(step=0.3, whole=0.6)
LONGEST_SECONDS = 60
MOST_WORDS = 2_000
LARGEST = 2**63 - 1
THREADS = 8


@dataclass(frozen=True, slots=True)
class Trial:
    """One endpoint and one behaviour of it: the outcome, and what was wrong of it."""

    endpoint: str
    behaviour: str
    outcome: str
    seconds: float
    wrong: str | None = None

    @property
    def as_document(self) -> dict[str, Any]:
        """The trial in words that JSON has."""
        return asdict(self)


def try_all(url: str, cases: Iterable[tuple[int, str]]) -> Iterator[Trial]:
    """Try each behaviour at its endpoint, several side by side."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(lambda case: try_one(url, *case), cases)


def try_one(url: str, number: int, behaviour: str) -> Trial:
    """Ask once, and judge what came of it."""
    endpoint = ENDPOINTS[number]
    key = key_for("trial", number, behaviour)
    begun = time.monotonic()
    outcome, wrong = _outcome(endpoint, url, key)
    seconds = time.monotonic() - begun
    if seconds > LONGEST_SECONDS:
        wrong = f"it took {seconds:.0f} s"
    return Trial(
        endpoint=endpoint.name,
        behaviour=behaviour,
        outcome=outcome,
        seconds=seconds,
        wrong=wrong,
    )


def _outcome(endpoint: Endpoint, url: str, key: str) -> tuple[str, str | None]:
    try:
        value = ask(endpoint, url, key)
    except BillingError as fault:
        words = str(fault)
        wrong = None if len(words) <= MOST_WORDS else f"{len(words):,} characters"
        return type(fault).__name__, wrong
    except Exception:  # noqa: BLE001 # whatever else comes is what is looked for
        return "crash", traceback.format_exc(limit=-3)
    return "value", " ".join(oddities(value)) or None


def ask(endpoint: Endpoint, url: str, key: str) -> object:
    """Do what an endpoint is for."""
    if endpoint.is_stripe:
        meter = connected_meter(url, key)
        try:
            return endpoint.act(meter)
        finally:
            meter.close()
    source = connect_usage(
        "main", key, url, sleep=lambda _seconds: None, patience=IMPATIENT
    )
    try:
        return endpoint.act(source)
    finally:
        source.close()


def connected_meter(url: str, key: str, patience: Patience = IMPATIENT) -> StripeMeter:
    """Connect a meter that waits for nobody."""
    return StripeMeter(
        key,
        "stripe_minutes",
        base_url=url,
        pace=Pace(Rates.alike(FAST)),
        sleep=lambda _seconds: None,
        patience=patience,
    )


def oddities(value: object) -> Iterator[str]:
    """Name what no database holds, and no page shows, of a value that was believed."""
    if isinstance(value, int) and abs(value) > LARGEST:
        yield "a number beyond 64 bits"
    elif isinstance(value, str) and len(value) > MOST_WORDS:
        yield f"a text of {len(value):,} characters"
    elif isinstance(value, datetime) and not 1970 <= value.year <= 9999:
        yield f"the year {value.year}"
    for part in _parts(value):
        yield from oddities(part)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, SourceCall):
        return [value.call, value.sha256]  # what it is tagged with stays unread
    if isinstance(value, list | tuple | frozenset):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, each.name) for each in fields(value)]
    return ()


def most_memory() -> int:
    """Return the most memory that this process had, in bytes.

    What Linux keeps of a process for `getrusage` holds its parent's, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [line] = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())
        return int(line) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
