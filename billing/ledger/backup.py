"""Backup: a SQLite ledger is copied whole, as it stands at one moment."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from billing.errors import BadInput, LedgerFault
from billing.ledger.database import Ledger, as_ledger_faults, driver_words

_LAST_EVENT = "SELECT id, hash FROM audit_event ORDER BY id DESC LIMIT 1"
# Of a URL; another one of them, such as sslkey, names a file.
_SECRET_OPTION = re.compile("password|secret|_key")


class LastEvent(NamedTuple):
    """The newest audit event that a backup holds."""

    number: int
    hash: str


def refuse_backup_elsewhere(ledger: Ledger, target: Path) -> None:
    """Raise BadInput unless the ledger is a file that is copied here."""
    if ledger.file is None:
        url = ledger.engine.url._replace(drivername="postgresql", password=None)
        secret = [option for option in url.query if _SECRET_OPTION.search(option)]
        url = url.difference_update_query(secret)
        line = f"pg_dump --format=custom --file={quote(str(target))} {quote(str(url))}"
        raise BadInput(
            "the ledger is on PostgreSQL, whose own program saves it, also while the "
            f"daemon runs: {line}"
        )


def copy_ledger(ledger: Ledger, target: Path) -> LastEvent:
    """Copy a SQLite ledger into an empty file, also while others write to it.

    All pages are read in one transaction, and no writer waits for it. Raises
    LedgerFault, also for a copy that is not sound.
    """
    with as_ledger_faults(ledger.engine):
        pooled = ledger.engine.raw_connection()
    source: Any = pooled.driver_connection
    try:
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy, pages=-1)
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
            (sound,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            last = copy.execute(_LAST_EVENT).fetchone()
    except sqlite3.Error as fault:
        words = driver_words(ledger.engine.url, fault)
        raise LedgerFault(f"the backup {target.name} failed: {words}") from fault
    finally:
        pooled.close()
    if sound != "ok":
        raise LedgerFault(f"the ledger is damaged, so no backup is kept: {sound}")
    return LastEvent(*(last or (0, "")))
