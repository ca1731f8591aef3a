"""Guard: a ledger that was put back is refused, also when nobody lived to say so."""

from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import TrailRewound
from billing.gateways.rollback_marker import FileMemory
from billing.ledger.backup import copy_ledger
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.move.guard import guard_rewound
from billing.ledger.sync.contact_context import state_sole_reporter
from tests.ledger.bookkeeping import ACTOR


def change(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        state_sole_reporter(connection, ACTOR, "the meter is new")


def test_a_backup_from_before_the_last_commit_is_refused_even_after_a_kill(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    memory = FileMemory(tmp_path / "billing.trail")
    guard_rewound(sqlite_ledger, memory.last_seen, memory.note)
    change(sqlite_ledger)
    backup = tmp_path / "backup.db"
    backup.touch(mode=0o600)
    copy_ledger(sqlite_ledger, backup)
    change(sqlite_ledger)  # and the process is killed here
    with closing(open_ledger(f"sqlite:///{backup}")) as restored:
        guard_rewound(restored, memory.last_seen, memory.note)
        with pytest.raises(TrailRewound):
            change(restored)
