"""States: a row's states follow one another, and what was registered stays so."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from billing.verifier.findings import BadRecord
from billing.verifier.shapes import BINDING, SHAPES, TABLE_FILES

# What an event says of a row holds until a later one says something else of it.
_ADD_ENTRY = """
INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tbl, key) DO UPDATE SET
  since = CASE WHEN sha = excluded.sha THEN since ELSE excluded.since END,
  sha = excluded.sha, period = excluded.period, sequence = excluded.sequence
"""
_NEWEST = "SELECT sha FROM entry WHERE tbl = ? AND key = ?"
_VOIDED = "event.voided"
_REGISTERED = {
    "customer.registered": ("customer", ("stripe_customer",)),
    "account.registered": ("account", ("customer", "customer_metadata_key")),
}


class RowStates:
    """What the trail says of rows that move, and of what it registered and gave up."""

    def __init__(self, work: sqlite3.Connection) -> None:
        self._work = work
        # Since when each entry of a row that was there says what it was before.
        self._linked = False
        self._registered: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._voided: set[str] = set()

    def take(
        self, where: str, number: int, cover: Mapping[str, Any], last: Mapping[str, int]
    ) -> None:
        """Keep what an event says of rows, which were as an earlier one said.

        `last` is the last row of each table before that event; raises BadRecord.
        """
        table, period = cover["table"], cover["period"]
        end = last.get("meter_event" if table == BINDING else table, 0)
        numbered = table == BINDING or SHAPES[table].key == "id"
        entries = []
        for key, sha, *before in cover["each"]:
            self._linked = self._linked or bool(before)
            if self._linked and not (numbered and key > end):
                self._follow(where, table, key, before)
            elif before:
                raise BadRecord(where, f"it says what the new row {key} of {table} was")
            sha256 = bytes.fromhex(sha)
            entries.append((table, key, sha256, period, number, number, number))
        self._work.executemany(_ADD_ENTRY, entries)

    def _follow(self, where: str, table: str, key: Any, before: list[str]) -> None:
        row = self._work.execute(_NEWEST, (table, key)).fetchone()
        said = [row[0].hex()] if row else []
        if before != said:
            name = f"row {key!r:.60} of {table}"
            raise BadRecord(where, f"{name} was not as the event before said of it")

    def note(self, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Keep whom an event registers, and which meter event it gives up."""
        if action != _VOIDED and action not in _REGISTERED:
            return
        for of_subject, said in detail.get("each", [[subject, detail]]):
            if action == _VOIDED:
                self._voided.add(said["event"])
            else:
                table, _ = _REGISTERED[action]
                self._registered[table, of_subject] = said["is"]

    def check(self) -> None:
        """Compare the rows with what was registered and given up; raises BadRecord."""
        for table, fields in _REGISTERED.values():
            query = f"SELECT name, {', '.join(fields)} FROM {table}"  # noqa: S608 # names of ours
            for name, *values in self._work.execute(query):
                said = self._registered.get((table, name))
                if said is not None and values != [said[field] for field in fields]:
                    why = "it is not as it was registered last"
                    raise BadRecord(f"{TABLE_FILES[table]}, row {name!r:.60}", why)
        events = "SELECT id, identifier, COALESCE(reason, '') FROM meter_event"
        for number, identifier, reason in self._work.execute(events):
            if (reason == "voided") != (identifier in self._voided):
                where = f"{TABLE_FILES['meter_event']}, row {number}"
                raise BadRecord(where, "its row or the trail says that it is given up")
