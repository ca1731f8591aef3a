"""The workspace: a temporary database for what is needed in another order."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_CACHE_KIB = 64 * 1024
_SCHEMA = """
CREATE TABLE event (sequence INTEGER PRIMARY KEY, hash TEXT, at TEXT);
CREATE TABLE cover (
  tbl TEXT, period TEXT, first INTEGER, last INTEGER, rows INTEGER, sha TEXT,
  sequence INTEGER, PRIMARY KEY (tbl, period, first)
) WITHOUT ROWID;
CREATE TABLE entry (
  tbl TEXT, key, sha BLOB, period TEXT, sequence INTEGER, first INTEGER,
  since INTEGER, PRIMARY KEY (tbl, key)
) WITHOUT ROWID;
CREATE TABLE held (tbl TEXT, key, sha BLOB, PRIMARY KEY (tbl, key)) WITHOUT ROWID;
CREATE TABLE head (number INTEGER PRIMARY KEY, event INTEGER);
CREATE TABLE customer (name TEXT PRIMARY KEY, stripe_customer TEXT);
CREATE TABLE account (
  name TEXT PRIMARY KEY, customer TEXT, customer_metadata_key TEXT
);
CREATE TABLE pull (id INTEGER PRIMARY KEY);
CREATE TABLE call (
  id INTEGER PRIMARY KEY, account TEXT, call_id TEXT, revision INTEGER, period TEXT,
  status TEXT, started_at TEXT, duration_seconds INTEGER, customer TEXT,
  not_billable TEXT, extract_sha256 TEXT, pull_id INTEGER
);
CREATE TABLE b2b_usage (
  id INTEGER PRIMARY KEY, type TEXT, account TEXT, customer TEXT, call_id TEXT,
  call_revision INTEGER, period TEXT, hour TEXT, call_hour TEXT,
  billed_minutes INTEGER, amount_micro INTEGER, currency TEXT, price_id INTEGER,
  corrects INTEGER, pull_id INTEGER, posted_at TEXT
);
CREATE TABLE frozen (
  period TEXT, account TEXT, call_id TEXT, name INTEGER, line TEXT
);
CREATE TABLE bound (
  usage INTEGER, event INTEGER, PRIMARY KEY (event, usage)
) WITHOUT ROWID;
CREATE TABLE carrier (event INTEGER PRIMARY KEY, rows INTEGER);
CREATE TABLE meter_event (
  id INTEGER PRIMARY KEY, identifier TEXT, customer TEXT, stripe_customer TEXT,
  meter TEXT, livemode INTEGER, period TEXT, hour TEXT, sequence INTEGER,
  timestamp TEXT, minutes INTEGER, amount_micro INTEGER, usage_rows INTEGER,
  state TEXT, reason TEXT, evidence TEXT, carries TEXT, rearmed_at TEXT
);
CREATE TABLE meter_attempt (
  id INTEGER PRIMARY KEY, event_id INTEGER, number INTEGER, started_at TEXT,
  verdict TEXT, kind TEXT
);
CREATE TABLE meter_reading (
  id INTEGER PRIMARY KEY, event_id INTEGER, minutes INTEGER
);
CREATE TABLE adoption (
  id INTEGER PRIMARY KEY, kind TEXT, customer TEXT, stripe_customer TEXT, meter TEXT,
  livemode INTEGER, from_hour TEXT
);
CREATE TABLE meter_opening (
  id INTEGER PRIMARY KEY, adoption_id INTEGER, event_id INTEGER UNIQUE,
  minutes INTEGER
);
CREATE TABLE call_decision (
  id INTEGER PRIMARY KEY, account TEXT, call_id TEXT, revision INTEGER,
  seconds INTEGER, evidence TEXT, at TEXT, actor TEXT, reason TEXT
);
CREATE TABLE price (
  id INTEGER PRIMARY KEY, effective_from TEXT, per_minute TEXT, currency TEXT
);
CREATE TABLE period_close (
  period TEXT PRIMARY KEY, closed_at TEXT, closed_by TEXT, digest TEXT, totals TEXT
);
CREATE TABLE reconciliation_run (
  id INTEGER PRIMARY KEY, period TEXT, started_at TEXT, settled INTEGER,
  complete INTEGER, difference_minutes INTEGER, breaks INTEGER
);
CREATE TABLE reconciliation_reading (
  id INTEGER PRIMARY KEY, run_id INTEGER, pamela_minutes INTEGER,
  ledger_minutes INTEGER, stripe_minutes INTEGER, invoiced_minutes INTEGER
);
CREATE TABLE reconciliation_break (
  id INTEGER PRIMARY KEY, run_id INTEGER, minutes INTEGER, amount_micro INTEGER,
  case_id INTEGER
);
CREATE INDEX break_of_case ON reconciliation_break (case_id);
CREATE TABLE break_case (
  id INTEGER PRIMARY KEY, period TEXT, customer TEXT, account TEXT, cause TEXT,
  opened_at TEXT, opened_run INTEGER, acknowledged_at TEXT, acknowledged_by TEXT,
  reason TEXT, resolved_at TEXT
);
"""


@contextmanager
def open_workspace() -> Iterator[sqlite3.Connection]:
    """Open a database that is gone at the end, and never keeps much in memory."""
    with TemporaryDirectory(prefix="verify-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "work.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as work:
            work.execute("PRAGMA journal_mode = OFF")
            work.execute("PRAGMA synchronous = OFF")
            work.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            work.execute("PRAGMA temp_store = FILE")
            work.executescript(_SCHEMA)
            work.execute("BEGIN")
            yield work


def columns_of(work: sqlite3.Connection, table: str) -> list[str]:
    """Name the columns of a table that are kept; none for one that is not."""
    return [row[1] for row in work.execute(f"PRAGMA table_info({table})")]
