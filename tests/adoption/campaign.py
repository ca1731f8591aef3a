"""Many seeds, each on a fresh ledger."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, event

from billing.ledger.database import open_ledger
from billing.ledger.migration import upgrade
from tests.adoption.seed_run import SeedResult, run_seed

_MEMORY = Path("/dev/shm")


@contextmanager
def storage() -> Iterator[Engine]:
    """Give an engine over one file in memory; `renewed` empties it."""
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="adoption-", dir=memory) as folder:
        upgrade(f"sqlite:///{folder}/template.db")
        engine = open_ledger(f"sqlite:///{folder}/ledger.db").engine
        event.listen(engine, "connect", _stay_in_memory)
        yield engine
        engine.dispose()


def run_seeds(
    first: int, cut_overs: int, *, kills: bool = False
) -> Iterator[SeedResult]:
    """Run seeds until so many meters were taken over."""
    with storage() as engine:
        seed = first
        while cut_overs > 0:
            _renew(engine)
            result = run_seed(seed, engine, kills=kills)
            cut_overs -= max(result.cut_overs, 1)
            seed += 1
            yield result


def _renew(engine: Engine) -> None:
    engine.dispose()
    file = Path(str(engine.url.database))
    for ending in ("", "-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    shutil.copyfile(file.with_name("template.db"), file)


def _stay_in_memory(connection: sqlite3.Connection, _record: object) -> None:
    # No power is lost here, so nothing has to reach a disk.
    connection.execute("PRAGMA synchronous = OFF")
