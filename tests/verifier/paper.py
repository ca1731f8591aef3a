"""A ledger on paper: rows and a trail made by the rules, without any database."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from billing.verifier.shapes import (
    BINDING,
    BINDING_COLUMNS,
    EVENTS,
    HEADS,
    SHAPES,
    TABLE_FILES,
)
from tests.verifier.signing import TestKey

Row = list[Any]
NOTHING = "0" * 64
NOON = "2026-03-10T12:00:00+00:00"


def encode_line(document: object) -> bytes:
    """Spell a document canonically."""
    return json.dumps(
        document, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode()


def hashed(line: bytes) -> str:
    """Return the SHA-256 of a line in hex."""
    return sha256(line).hexdigest()


class Paper:
    """The rows of every table as they are now, and the chain of what was done."""

    def __init__(self, key: TestKey) -> None:
        self.key = key
        self.rows: dict[str, dict[Any, Row]] = {name: {} for name in SHAPES}
        self.bindings: dict[int, list[int]] = {}
        self.events: list[bytes] = []
        self.heads: list[bytes] = []
        self._digests: dict[tuple[str, Any], str] = {}
        self._last: dict[str, int] = {}
        self._balance = {"rows": 0, "minutes": 0, "amount_micro": 0}
        self._head = NOTHING

    def register_key(self) -> None:
        """Bring the first key into the chain."""
        public = self.key.public_key.hex()
        detail = {"key": self.key.fingerprint, "public_key": public}
        self.commit("key.registered", detail=detail)

    def rotate(self, new: TestKey) -> None:
        """Let the key endorse another one, which is in force from here."""
        names = {"key": new.fingerprint, "public_key": new.public_key.hex()}
        endorsed = {
            **names,
            "format": "pamela-billing key 1",
            "old": self.key.fingerprint,
        }
        endorsement = self.key.sign(encode_line(endorsed)).hex()
        detail = {**names, "old": self.key.fingerprint, "endorsement": endorsement}
        self.commit("key.rotated", detail=detail)
        self.key = new

    def commit(
        self,
        action: str,
        rows: Mapping[str, Sequence[Row]] | None = None,
        bindings: Mapping[int, list[int]] | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add or change rows, and chain the audit event that covers them."""
        covers: list[Mapping[str, Any]] = []
        for name in [name for name in SHAPES if name in (rows or {})]:
            covers += self._cover(name, (rows or {})[name])
        if bindings:
            covers += self._bind(bindings)
        event = {
            "sequence": len(self.events) + 1,
            "at": NOON,
            "actor": "tests",
            "action": action,
            "subject": "",
            "reason": None,
            "detail": dict(detail or {}),
            "covers": covers,
            "state": {"last": dict(self._last), "balance": dict(self._balance)},
            "previous": hashed(self.events[-1]) if self.events else NOTHING,
        }
        self.events.append(encode_line(event))

    def _cover(self, name: str, rows: Sequence[Row]) -> Iterator[Mapping[str, Any]]:
        shape = SHAPES[name]
        key, together = shape.place(shape.key), defaultdict(list)
        before = {row[key]: self._digests.get((name, row[key])) for row in rows}
        for row in rows:
            self.rows[name][row[key]] = row
            together[self._month(name, row)].append(row)
            if shape.key == "id":
                self._last[name] = max(self._last.get(name, 0), row[key])
            if name == "b2b_usage":
                self._balance["rows"] += 1
                self._balance["minutes"] += row[shape.place("billed_minutes")]
                self._balance["amount_micro"] += row[shape.place("amount_micro")]
        for period, same in sorted(together.items()):
            cover = {"table": name, "period": period}
            lines = [encode_line(row) for row in same]
            if not shape.together:
                pairs = zip(same, lines, strict=True)
                each = [
                    self._entry(name, row[key], before[row[key]], hashed(line))
                    for row, line in pairs
                ]
                yield {**cover, "each": each}
                continue
            yield {
                **cover,
                "first": same[0][0],
                "last": same[-1][0],
                "rows": len(same),
                "sha256": hashed(b"".join(line + b"\n" for line in lines)),
            }

    def _entry(
        self, name: str, key: Any, before: str | None, present: str
    ) -> list[Any]:
        """Say what a row is, and what it was."""
        self._digests[name, key] = present
        return [key, present, *([before] if before else [])]

    def _bind(self, bindings: Mapping[int, list[int]]) -> Iterator[Mapping[str, Any]]:
        together = defaultdict(list)
        for event, numbers in bindings.items():
            self.bindings[event] = numbers
            month = self._month("meter_event", self.rows["meter_event"][event])
            before, line = self._digests.get((BINDING, event)), encode_line(numbers)
            together[month].append(self._entry(BINDING, event, before, hashed(line)))
        for period, each in sorted(together.items()):
            yield {"table": BINDING, "period": period, "each": each}

    def _month(self, name: str, row: Row) -> str:
        shape = SHAPES[name]
        if not shape.month:
            return ""
        value = row[shape.place(shape.month)]
        if shape.month == "run_id":
            return self._month(
                "reconciliation_run", self.rows["reconciliation_run"][value]
            )
        if shape.month == "event_id":
            return self._month("meter_event", self.rows["meter_event"][value])
        return str(value)

    def sign(self) -> None:
        """Sign the chain as far as it has come."""
        line = encode_line(
            {
                "at": NOON,
                "event": len(self.events),
                "format": "pamela-billing head 1",
                "hash": hashed(self.events[-1]),
                "key": self.key.fingerprint,
                "number": len(self.heads) + 1,
                "previous": self._head,
            }
        )
        signature = self.key.sign(line).hex()
        self.heads.append(encode_line({"line": line.decode(), "signature": signature}))
        self._head = hashed(line)

    def parts(self, file: str) -> Iterator[bytes]:
        """Yield the lines of a bundle's file: the rows of every month."""
        lines = self._lines(file)
        if lines:
            yield b"\n".join(lines) + b"\n"

    def _lines(self, file: str) -> list[bytes]:
        if file in {EVENTS, HEADS}:
            return self.events if file == EVENTS else self.heads
        if file == TABLE_FILES[BINDING]:
            pairs = sorted(self.bindings.items())
            return [
                encode_line(BINDING_COLUMNS),
                *(encode_line([k, v]) for k, v in pairs),
            ]
        name = file.removeprefix("tables/").removesuffix(".jsonl")
        rows = [self.rows[name][key] for key in sorted(self.rows[name])]
        return [encode_line(list(SHAPES[name].columns)), *map(encode_line, rows)]
