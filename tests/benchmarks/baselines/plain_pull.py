"""A plain pull: the official SDK, a page after another, one INSERT a call.

Runs in an environment of its own, without the product.
"""

import json
import sqlite3
import sys
import time
from importlib import import_module
from typing import Any

TABLE = """CREATE TABLE call (
    call_id TEXT PRIMARY KEY, customer TEXT, status TEXT, created_at TEXT,
    started_at TEXT, ended_at TEXT, duration_seconds INTEGER, billed_minutes INTEGER
)"""
INSERT = "INSERT INTO call VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def main(base_url: str, api_key: str, start: str, end: str, file: str) -> None:
    """Copy the calls created in a span into a new SQLite file; prints the seconds."""
    sdk: Any = import_module("pamela")
    client = sdk.PamelaClient(api_key=api_key, base_url=base_url)
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(TABLE)
    began = time.perf_counter()
    offset, calls = 0, 0
    while True:
        page = client.list_calls(
            limit=100, offset=offset, start_date=start, end_date=end
        )
        for call in page["items"]:
            database.execute(INSERT, _row(call))
            calls += 1
        database.commit()
        if not page["has_more"]:
            break
        offset += 100
    print(json.dumps({"seconds": time.perf_counter() - began, "calls": calls}))


def _row(call: dict[str, Any]) -> tuple[Any, ...]:
    return (
        call["id"],
        call["metadata"].get("customer"),
        call["status"],
        call["created_at"],
        call["started_at"],
        call["ended_at"],
        call["duration_seconds"],
        call["billed_minutes"],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
