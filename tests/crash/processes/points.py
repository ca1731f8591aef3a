"""The named steps of a run at which a process is killed."""

import re
from dataclasses import dataclass

BEGUN, HALF, BEFORE, AFTER = "begun", "half written", "before commit", "after commit"
BEGINNING, BEGAN = "a transaction: before begin", "a transaction: after begin"
PAGE_READ = "a page: read, not recorded"


@dataclass(frozen=True)
class Work:
    """What one transaction does, known by its statements: the first, and a later one.

    `most` is how often it usually happens in one life of a process.
    """

    name: str
    first: re.Pattern[str]
    later: re.Pattern[str] | None
    most: int

    @property
    def points(self) -> dict[str, int]:
        """Its steps, and how often each happens; one statement has no half."""
        steps = [step for step in STEPS if self.later or step != HALF]
        return {f"{self.name}: {step}": self.most for step in steps}


@dataclass(frozen=True)
class Exchange:
    """A request to Stripe, known by its method and path."""

    name: str
    method: str
    path: re.Pattern[str]
    most: int

    @property
    def points(self) -> dict[str, int]:
        """Its steps, and how often each happens."""
        return {f"{self.name}: {step}": self.most for step in WIRE_STEPS}


STEPS = (BEGUN, HALF, BEFORE, AFTER)
UNSENT, HALF_SENT = "nothing sent", "half of it sent"
UNREAD, READ = "done there, answer unread", "answer read, not recorded"
WIRE_STEPS = (UNSENT, HALF_SENT, UNREAD, READ)


# Rows that leave their event, told from rows that are bound to one by what is asked.
RELEASE = r"UPDATE b2b_usage SET meter_event_id=\S+ WHERE b2b_usage\.meter_event_id"


def _statement(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\s*({pattern})\b", re.IGNORECASE)


WORKS = (
    Work(
        "calls",
        _statement("INSERT INTO call|COPY call"),
        _statement("INSERT INTO b2b_usage|COPY b2b_usage"),
        1,
    ),
    Work(
        "certificate",
        _statement("UPDATE pull"),
        None,
        1,
    ),
    Work(
        "staging",
        _statement("INSERT INTO meter_event"),
        _statement("UPDATE b2b_usage SET"),
        1,  # of all customers together
    ),
    Work(
        "attempt",
        _statement("UPDATE meter_event SET tries"),
        _statement("INSERT INTO meter_attempt"),
        4,
    ),
    Work(
        "answer",
        _statement("UPDATE meter_attempt"),
        _statement("UPDATE meter_event SET state"),
        4,
    ),
    Work("reading", _statement("INSERT INTO meter_reading"), None, 1),
    Work("release", _statement(RELEASE), _statement("INSERT INTO audit_event"), 1),
    Work(
        "reconciliation",
        _statement("INSERT INTO reconciliation_run"),
        _statement("INSERT INTO audit_event"),
        1,
    ),
    Work(
        "close",
        _statement("INSERT INTO period_close"),
        _statement("INSERT INTO audit_event"),
        1,
    ),
)
EXCHANGES = (
    Exchange("request", "POST", re.compile(r"/v1/billing/meter_events$"), 4),
    Exchange("cancel", "POST", re.compile(r"/v1/billing/meter_event_adjustments$"), 1),
)

LOST_ANSWER = f"request: {UNREAD}"
# Steps that only an uncertain outcome leads to, which is too old to be sent again.
LATE_POINTS = frozenset(
    name for work in WORKS if work.name == "reading" for name in work.points
)
# Steps of a month's end, which only a person takes.
CLOSE_POINTS = frozenset(
    name for work in WORKS if work.name == "close" for name in work.points
)

# Every named step, and up to which time that it happens a process is killed.
POINTS: dict[str, int] = {
    BEGINNING: 20,
    BEGAN: 20,
    PAGE_READ: 2,
    **{name: most for work in WORKS for name, most in work.points.items()},
    **{name: most for exchange in EXCHANGES for name, most in exchange.points.items()},
}
