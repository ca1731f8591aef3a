"""A valid bundle of a real ledger, with a closed month before it and corrections."""

from contextlib import closing
from pathlib import Path

from billing.ledger.database import open_ledger
from billing.ledger.migration import upgrade
from tests.ledger.bookkeeping import reading, record, stage
from tests.reports.audit.proof_world import KEY, export, fill, sign
from tests.tamper.bundles import Original, read_files


def real_original(folder: Path) -> Original:
    """Keep books on SQLite, and export the month twice."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    upgrade(url)
    with closing(open_ledger(url)) as ledger:
        fill(ledger)
        older = read_files(export(ledger, folder / "real-older.zip"))
        record(ledger, reading("new"), reading("plain", seconds=1_000))
        stage(ledger)
        sign(ledger)
        files = read_files(export(ledger, folder / "real.zip"))
    return Original("real ledger", files, KEY, older)
