"""The chain: every audit event holds the hash of the one before, and what it covers."""

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from billing.verifier.findings import NONSENSE, BadRecord
from billing.verifier.keys import KEY_ACTIONS, KeyRing
from billing.verifier.rows import LineSource, read_lines
from billing.verifier.shapes import (
    BINDING,
    EVENTS,
    HEX64,
    SHAPES,
    digest,
    read_json,
)
from billing.verifier.states import RowStates

NOTHING = "0" * 64
_PARTS = frozenset(
    {
        "action",
        "actor",
        "at",
        "covers",
        "detail",
        "previous",
        "reason",
        "sequence",
        "state",
        "subject",
    }
)
_ADD_EVENT = "INSERT INTO event VALUES (?, ?, ?)"
_ADD_COVER = "INSERT INTO cover VALUES (?, ?, ?, ?, ?, ?, ?)"


class Balance(NamedTuple):
    """All rows of usage: how many they are, and what they add up to."""

    rows: int
    minutes: int
    amount_micro: int


class Chain(NamedTuple):
    """A chain without a gap: its length, its end, its keys and its last balance."""

    events: int
    hash: str
    keys: KeyRing
    balance: Balance
    # What each event that adds usage adds to the balance: (sequence, sums).
    gains: Mapping[int, Balance]
    states: RowStates


def follow_chain(source: LineSource, work: sqlite3.Connection) -> Chain:
    """Follow the events, first to last; raises BadRecord at the first fault."""
    walk = _Walk(work)
    for number, line in enumerate(read_lines(source, EVENTS), start=1):
        where = f"{EVENTS}, event {number}"
        try:
            walk.step(where, number, line)
        except sqlite3.IntegrityError as fault:
            raise BadRecord(where, f"it covers something twice ({fault})") from None
        except NONSENSE as fault:
            raise BadRecord(where, f"it is no audit event ({fault!r:.80})") from None
    if not walk.sequence:
        raise BadRecord(EVENTS, "there are no audit events, so nothing is shown")
    return Chain(
        events=walk.sequence,
        hash=walk.hash,
        keys=walk.keys,
        balance=walk.balance,
        gains=walk.gains,
        states=walk.states,
    )


class _Walk:
    """How far a chain was followed."""

    def __init__(self, work: sqlite3.Connection) -> None:
        self._work = work
        self._last: dict[str, int] = {}
        self.sequence, self.hash = 0, NOTHING
        self.balance = Balance(0, 0, 0)
        self.gains: dict[int, Balance] = {}
        self.keys = KeyRing()
        self.states = RowStates(work)

    def step(self, where: str, number: int, line: bytes) -> None:
        """Take the next event."""
        event = read_json(line)
        if type(event) is not dict or event.keys() != _PARTS:
            raise BadRecord(where, f"it has not the parts {', '.join(sorted(_PARTS))}")
        if event["sequence"] != number:
            sequence = f"{event['sequence']!r:.30}"
            raise BadRecord(
                where, f"its sequence is {sequence}: events are missing or moved"
            )
        if event["previous"] != self.hash:
            raise BadRecord(where, "it does not hold the hash of the event before it")
        self.sequence, self.hash = number, digest(line)
        self._work.execute(_ADD_EVENT, (number, self.hash, str(event["at"])))
        rows = sum(self._take(where, number, cover) for cover in event["covers"])
        self._count(where, number, event["state"], rows)
        if event["action"] in KEY_ACTIONS:
            self.keys.take(where, number, event["action"], event["detail"])
        self.states.note(event["action"], event["subject"], event["detail"])

    def _take(self, where: str, number: int, cover: Mapping[str, Any]) -> int:
        """Keep what a cover says; returns how many rows of usage it adds."""
        table, period = cover["table"], cover["period"]
        if table != BINDING and table not in SHAPES:
            raise BadRecord(where, f"it covers an unknown table {table!r:.60}")
        if "each" in cover:
            self.states.take(where, number, cover, self._last)
            return 0
        first, last, rows = cover["first"], cover["last"], cover["rows"]
        numbers = first, last, rows
        if (
            any(type(number) is not int for number in numbers)
            or not 0 < rows <= last - first + 1
        ):
            raise BadRecord(where, f"its range of {table} is none")
        if not HEX64.fullmatch(cover["sha256"]):
            raise BadRecord(where, f"its digest of {table} is none")
        if first <= self._last.get(table, 0):
            raise BadRecord(
                where, f"it covers rows of {table} that were covered before"
            )
        row_range = (table, period, *numbers, cover["sha256"], number)
        self._work.execute(_ADD_COVER, row_range)
        return rows if table == "b2b_usage" else 0

    def _count(
        self, where: str, number: int, state: Mapping[str, Any], rows: int
    ) -> None:
        last, balance = state["last"], Balance(**state["balance"])
        if any(last.get(table, 0) < end for table, end in self._last.items()):
            raise BadRecord(where, "its state goes back behind an earlier one")
        gain = Balance(
            *(new - old for new, old in zip(balance, self.balance, strict=True))
        )
        if gain.rows != rows or (not rows and any(gain)):
            raise BadRecord(
                where, f"its balance gains {gain.rows} rows, it covers {rows}"
            )
        if rows:
            self.gains[number] = gain
        self._last, self.balance = dict(last), balance
