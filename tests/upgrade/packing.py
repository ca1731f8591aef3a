"""Packing: what a story leaves behind, in the few small files that are committed."""

import json
import lzma
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from billing.sandbox.state_file import save_state
from billing.sandbox.world import Sandbox
from tests.upgrade.desk import Desk, Document, pamela_minutes, stripe_minutes

LEDGER, STATE, KEY = "billing.db", "sandbox.json", "audit.key"
SETTINGS, MARKER, BUNDLE = "billing.toml", "billing.trail", "audit-2026-01.zip"
EXPECTED = "expected.json"
# What stands in the packed settings for where things will be.
URL_HERE, LEDGER_HERE = "http://sandbox.invalid", "ledger.invalid"


def pack(desk: Desk, sandbox: Sandbox, folder: Path) -> None:
    """Put a desk's folder and its sandbox into the fixture's files."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(desk.folder / LEDGER)) as ledger:
        # A process that was killed left its last pages in another file.
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    save_state(sandbox, desk.folder / STATE)
    for name in (LEDGER, STATE, KEY):
        packed = lzma.compress((desk.folder / name).read_bytes(), preset=9)
        (folder / f"{name}.xz").write_bytes(packed)
    for name in (MARKER, BUNDLE):
        shutil.copy(desk.folder / name, folder / name)
    settings = desk.settings_file.read_text()
    settings = settings.replace(desk.url, URL_HERE)
    settings = settings.replace(f"sqlite:///{LEDGER}", LEDGER_HERE)
    (folder / SETTINGS).write_text(settings)
    expected = describe(desk) | {"status": desk.json("status")["rows"]}
    text = json.dumps(expected, indent=1, sort_keys=True)
    (folder / EXPECTED).write_text(f"{text}\n")


def describe(desk: Desk) -> Document:
    """Say what is true of a ledger and its world, alike on both databases."""
    truth = desk.truth()
    return {
        "schema": desk.rows("SELECT version_num FROM alembic_version")[0][
            "version_num"
        ],
        "now": truth["now"],
        "pamela_minutes": pamela_minutes(truth),
        "ledger_minutes": _ledger_minutes(desk),
        "stripe_minutes": stripe_minutes(truth),
        "closed": desk.rows("SELECT period, digest, totals FROM period_close"),
        "newest_head": desk.rows(
            "SELECT number, event, hash FROM audit_head ORDER BY number DESC LIMIT 1"
        )[0],
        "audit_events": desk.rows("SELECT max(id) AS n FROM audit_event")[0]["n"],
        "states": states(desk),
    }


def states(desk: Desk) -> dict[str, dict[str, int]]:
    """Count what is in the ledger, by the states that it is in."""
    event = "CASE WHEN last_sent_at IS NULL THEN 'never sent' ELSE 'sent' END"
    queries = {
        "events": f"state || coalesce(': ' || reason, '') || ', ' || {event} "
        "FROM meter_event",
        "rows": "coalesce(state || coalesce(': ' || reason, ''), 'unstaged') "
        "FROM b2b_usage LEFT JOIN meter_event ON meter_event.id = meter_event_id",
        "posted": "type || CASE WHEN call_hour <> hour THEN ', carried' ELSE '' END "
        "FROM b2b_usage",
        "attempts": "kind || ': ' || coalesce(verdict, 'no answer') FROM meter_attempt",
        "breaks": "cause || CASE WHEN resolved_at IS NOT NULL THEN ', resolved' "
        "WHEN acknowledged_at IS NOT NULL THEN ', acknowledged' ELSE ', open' END "
        "FROM break_case",
        "reports": "CASE WHEN settled_at IS NULL THEN 'open' ELSE 'settled' END "
        "FROM error_report",
        "quarantine": "reason || CASE WHEN released_at IS NULL THEN ', open' "
        "ELSE ', released' END FROM quarantine",
        "pulls": "scope || ', ' || state FROM pull",
        "calls": "coalesce(not_billable, 'billed') FROM call",
        "metadata": "CASE WHEN value IS NULL THEN 'erased' ELSE 'kept' END "
        "FROM call_metadata",
    }
    return {name: _count(desk, query) for name, query in queries.items()}


def _count(desk: Desk, query: str) -> dict[str, int]:
    return dict(Counter(row["it"] for row in desk.rows(f"SELECT {_as_it(query)}")))


def _as_it(query: str) -> str:
    what, _, where = query.rpartition(" FROM ")
    return f"{what} AS it FROM {where}"


def _ledger_minutes(desk: Desk) -> dict[str, dict[str, int]]:
    query = (
        "SELECT customer, period, sum(billed_minutes) AS n FROM b2b_usage GROUP BY 1, 2"
    )
    minutes_of: dict[str, dict[str, int]] = {}
    for row in desk.rows(query):
        minutes_of.setdefault(row["customer"], {})[row["period"]] = int(row["n"])
    return minutes_of
