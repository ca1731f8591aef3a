"""Bulk calls for benchmarks: very many, quickly made, all of one account."""

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import cycle, islice

from billing.sandbox.clock import first_of_month
from billing.sandbox.pamela.call import Call
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.seeds.worlds import Seeded, customers_of, new_account

HOUR = 3_600  # seconds
# The last minute of an hour is left out: a call is answered in the hour of its birth.
FREE = HOUR - 60
RINGING = 5
MICROSECONDS = 1_000_000
TEMPLATE = (
    '{"id":"%s","status":"completed","call_session_id":"cs_%s",'
    '"conversation_id":"conv_%s","duration_seconds":%d,"billed_minutes":%d,'
    '"transcript":null,"summary":null,"created_at":"%s","started_at":"%s",'
    '"ended_at":"%s","metadata":{"customer":"%s"},"message":null,"success":true}'
)


def bulk(
    seed: int, now: datetime, *, calls: int, customers: int, hours: int = 20
) -> Seeded:
    """Return last month with so many completed calls.

    Each customer's calls fall into so many hours of the month, as campaigns do.
    """
    pamela = PamelaState(seed=seed)
    names = [f"customer-{number:04d}" for number in range(customers)]
    account = new_account(pamela, "bulk", now, customers=tuple(names))
    with _no_collection():
        made = _calls(seed, now, names, count=calls, hours=hours)
        pamela.put_calls(account, made, now)
    return Seeded(pamela, customers_of(names))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from walking a million new objects again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _calls(
    seed: int, now: datetime, names: list[str], *, count: int, hours: int
) -> Iterator[Call]:
    chance = random.Random(f"bulk:{seed}")
    start, end = first_of_month(now, -1), first_of_month(now)
    month = range((end - start) // timedelta(hours=1))
    campaigns = {
        name: [
            int(start.timestamp()) + HOUR * hour for hour in chance.sample(month, hours)
        ]
        for name in names
    }
    names_in_turn = islice(cycle(names), count)
    moments = [
        (chance.choice(campaigns[name]) + int(chance.random() * FREE), name)
        for name in names_in_turn
    ]
    moments.sort()
    for number, (created, name) in enumerate(moments):
        seconds = int(chance.expovariate(1 / 120))
        yield _call(f"call_{number:012d}", name, created, seconds)


def _call(call_id: str, customer: str, created: int, seconds: int) -> Call:
    started = created + RINGING
    ended = started + seconds
    number = call_id[5:]
    body = TEMPLATE % (
        call_id,
        number,
        number,
        seconds,
        max((seconds + 59) // 60, 1),
        _written(created),
        _written(started),
        _written(ended),
        customer,
    )
    visible = created * MICROSECONDS
    stage = (ended * MICROSECONDS, body.encode("ascii"))
    return Call(call_id, visible, visible, (stage,))


def _written(second: int) -> str:
    hour, rest = divmod(second, HOUR)
    return f"{_hour_text(hour)}:{rest // 60:02}:{rest % 60:02}Z"


@cache
def _hour_text(hour: int) -> str:
    return datetime.fromtimestamp(hour * HOUR, UTC).strftime("%Y-%m-%dT%H")
