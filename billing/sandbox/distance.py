"""Distance: the time that a request and its answer are under way."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta


@dataclass
class Distance:
    """How long each answer is under way, in real time, and how much longer at most."""

    round_trip: timedelta = timedelta(0)
    spread: timedelta = timedelta(0)


@asynccontextmanager
async def under_way(distance: Distance) -> AsyncIterator[None]:
    """Let the block be half a round trip away, there and back; the spread is chance."""
    longest = distance.round_trip + distance.spread * random.random()
    seconds = longest.total_seconds() / 2
    # Nothing is waited for without a distance: the loop would give way for it.
    if seconds:
        await asyncio.sleep(seconds)
    yield
    if seconds:
        await asyncio.sleep(seconds)
