"""A scene: one world, one ledger, and the processes that meet there."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url

from billing.ledger.database import open_ledger
from tests.crash.matrix import ENDINGS, HOUR_SECONDS, Ground
from tests.crash.processes.nursery import Victim
from tests.crash.processes.victim import Life
from tests.crash.processes.world import Balance, World, small_world

CLEAN = Balance(0, 0)
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
OUTBOX = (
    "SELECT identifier, state, reason, tries, number FROM meter_event "
    "LEFT JOIN meter_attempt ON event_id = meter_event.id ORDER BY identifier, number"
)


@dataclass
class Scene:
    """What happens to some processes, and what is true afterwards."""

    place: Ground
    world: World
    ledger_url: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def start(self, command: str = "run", **life: Any) -> Victim:
        """Let a process live; `life` says when it is struck, and how it is confined."""
        output = self.place.folder / f"scene-{next(self.numbers)}"
        settings = str(self.world.settings)
        return self.place.nursery.bear(
            Life(
                command=command,
                settings=settings,
                ledger_url=self.ledger_url,
                output=str(output),
                **life,
            )
        )

    def run(self, **life: Any) -> tuple[int, str]:
        """Let a run live to its end; return its exit code and what it printed."""
        victim = self.start(**life)
        return victim.wait(), victim.output

    def finish(self) -> Balance:
        """Run until a run is clean, hours apart, then compare the books."""
        for hours in ENDINGS:
            code, output = self.run()
            if code == 0 and not self.world.open_work(self.ledger_url):
                return self.world.balance(self.ledger_url)
            self.world.sandbox.clock.advance(hours * HOUR_SECONDS)
        raise AssertionError(f"no clean end: {output}")

    def outbox(self) -> list[tuple[object, ...]]:
        """Return every meter event as it stands, with its attempts."""
        return self.ask(OUTBOX)

    def end_sessions(self) -> int:
        """End every session that anyone has on a PostgreSQL ledger."""
        return len(self.ask(END_SESSIONS))

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Ask the ledger from a connection of one's own."""
        ledger = open_ledger(self.ledger_url, connections=1)
        try:
            with ledger.reading() as connection:
                return [tuple(row) for row in connection.execute(text(query))]
        finally:
            ledger.close()

    def plain_connection(self) -> sqlite3.Connection:
        """Open a SQLite ledger as any other program would."""
        file = str(make_url(self.ledger_url).database)
        return sqlite3.connect(file, isolation_level=None, timeout=0)


@contextmanager
def scene(place: Ground, database: str, **world: Any) -> Iterator[Scene]:
    """Prepare a world and an empty ledger."""
    with (
        place.databases.fresh(database) as ledger_url,
        small_world(place.folder, database, **world) as made,
    ):
        yield Scene(place, made, ledger_url)
