"""Faults that a person or a test switches on: named, per endpoint, and bounded."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase


class FaultKind(StrEnum):
    """What can go wrong between a client and the sandbox."""

    DROP_BEFORE = "drop_before"  # connection cut, nothing was done
    DROP_AFTER = "drop_after"  # the work was done, the answer never arrives
    ERROR_500 = "error_500"  # nothing was done, 500 (Stripe: not stored)
    ERROR_500_AFTER = "error_500_after"  # done, but answered 500
    STORED_500 = "stored_500"  # Stripe: not done, and the 500 is kept under the key
    ERROR_503 = "error_503"
    RATE_LIMIT = "rate_limit"  # 429 with Retry-After where the API sends one
    LOCK_TIMEOUT = "lock_timeout"  # Stripe: 429 with code lock_timeout
    UNAUTHORIZED = "unauthorized"  # 401, as with a revoked key
    FORBIDDEN = "forbidden"  # 403; `detail` names the code, such as 1005 or 7008
    HTML = "html"  # 200 with a web page where JSON is due
    MALFORMED = "malformed"  # 200 with JSON that ends in the middle
    HUGE = "huge"  # 200 with an endless body; `detail` is its size in bytes
    LATENCY = "latency"  # answered late; `detail` is milliseconds
    REDIRECT = "redirect"  # 302; `detail` is the target


@dataclass(frozen=True)
class Fault:
    """One fault: where, how likely, how often and until when it strikes."""

    kind: FaultKind
    endpoint: str = "*"  # a glob over names such as stripe.meter_events.create
    probability: float = 1.0
    count: int | None = None  # how many times it still strikes; None is endless
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    detail: str = ""

    def covers(self, endpoint: str, now: datetime) -> bool:
        """Say whether this fault may strike the endpoint at this moment."""
        return (
            fnmatchcase(endpoint, self.endpoint)
            and (self.count is None or self.count > 0)
            and (self.starts_at is None or now >= self.starts_at)
            and (self.ends_at is None or now < self.ends_at)
        )


class Faults:
    """The faults in force; safe to use from many threads."""

    def __init__(self, seed: int = 0) -> None:
        """Start with none; the seed decides how probabilities fall."""
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.struck: Counter[str] = Counter()

    def replace_all(self, faults: list[Fault]) -> None:
        """Put these faults in force and lift all others."""
        with self._lock:
            self._faults = list(faults)

    def in_force(self) -> list[Fault]:
        """List the faults, with the counts that are left."""
        with self._lock:
            return list(self._faults)

    def strike(self, endpoint: str, now: datetime) -> list[Fault]:
        """Return the faults that strike this request, and use them up by one."""
        with self._lock:
            hits = []
            for position, fault in enumerate(self._faults):
                if not fault.covers(endpoint, now):
                    continue
                if self._random.random() >= fault.probability:
                    continue
                hits.append(fault)
                self.struck[fault.kind] += 1
                if fault.count is not None:
                    self._faults[position] = replace(fault, count=fault.count - 1)
            return hits
