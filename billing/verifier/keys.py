"""Keys and heads: who signed the chain, and how far each signature reaches."""

import sqlite3
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

from billing.verifier.ed25519 import KEY_BYTES, SIGNATURE_BYTES, is_signed, is_weak
from billing.verifier.findings import NONSENSE, BadRecord
from billing.verifier.manifest import fingerprint
from billing.verifier.rows import LineSource, read_lines
from billing.verifier.shapes import (
    HEADS,
    canonical,
    digest,
    read_json,
    unhex,
)

REGISTERED, ROTATED = "key.registered", "key.rotated"
KEY_ACTIONS = frozenset({REGISTERED, ROTATED})
_HEAD_FORMAT, _KEY_FORMAT = "pamela-billing head 1", "pamela-billing key 1"
_PARTS_OF_HEAD = frozenset(
    {"at", "event", "format", "hash", "key", "number", "previous"}
)
NO_HEAD = "0" * 64


class KeyRing:
    """The keys of a chain: the first, and each that the one before it endorsed."""

    def __init__(self) -> None:
        self._since: list[int] = []
        self._public: list[bytes] = []

    def take(
        self, where: str, number: int, action: str, detail: Mapping[str, Any]
    ) -> None:
        """Take the key that an event brings in; raises BadRecord."""
        public_key = unhex(detail["public_key"], KEY_BYTES)
        if fingerprint(public_key) != detail["key"]:
            raise BadRecord(where, "its key has another fingerprint than it names")
        if is_weak(public_key):
            raise BadRecord(where, "anybody can sign for its key: its order is small")
        if action == REGISTERED and self._public:
            raise BadRecord(
                where, "a second key comes in that the first does not endorse"
            )
        if action == ROTATED:
            self._check_endorsement(where, detail)
        self._since.append(number)
        self._public.append(public_key)

    def _check_endorsement(self, where: str, detail: Mapping[str, Any]) -> None:
        if not self._public or fingerprint(self._public[-1]) != detail["old"]:
            raise BadRecord(where, "it replaces a key that is not in force")
        endorsed = {
            "format": _KEY_FORMAT,
            **{k: detail[k] for k in ("key", "public_key", "old")},
        }
        endorsement = unhex(detail["endorsement"], SIGNATURE_BYTES)
        if not is_signed(self._public[-1], canonical(endorsed), endorsement):
            raise BadRecord(where, "the old key did not endorse the new one")

    def at(self, event: int) -> bytes | None:
        """Return the key in force at an event; None before the first."""
        place = bisect_right(self._since, event)
        return self._public[place - 1] if place else None

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints of all keys, the first one first."""
        return [fingerprint(key) for key in self._public]


class _LastHead(NamedTuple):
    """The head that the next one has to follow; none has the number 0."""

    number: int
    hash: str
    event: int


def check_heads(
    source: LineSource, work: sqlite3.Connection, keys: KeyRing
) -> tuple[int, str]:
    """Check every signed head against the chain; returns their number and last hash."""
    last = _LastHead(0, NO_HEAD, 0)
    for number, line in enumerate(read_lines(source, HEADS), start=1):
        where = f"{HEADS}, head {number}"
        try:
            document = read_json(line)
            text = document["line"].encode()
            signature = unhex(document["signature"], SIGNATURE_BYTES)
            if canonical(document) != line or document.keys() != {"line", "signature"}:
                raise BadRecord(
                    where, "it is not a line and its signature, and only that"
                )
            head = read_json(text)
            event = _check_head(where, work, head, last)
            _check_signature(where, keys.at(event), head["key"], text, signature)
        except NONSENSE as fault:
            raise BadRecord(where, f"it is no signed head ({fault!r:.80})") from None
        work.execute("INSERT INTO head VALUES (?, ?)", (number, event))
        last = _LastHead(number, digest(text), event)
    return last.number, last.hash


def _check_head(
    where: str,
    work: sqlite3.Connection,
    head: Mapping[str, Any],
    last: _LastHead,
) -> int:
    if head.keys() != _PARTS_OF_HEAD or head["format"] != _HEAD_FORMAT:
        raise BadRecord(where, f"it is no `{_HEAD_FORMAT}`")
    if head["number"] != last.number + 1 or head["previous"] != last.hash:
        raise BadRecord(where, "it does not follow the head before it")
    event = head["event"]
    if type(event) is not int or event < last.event:
        raise BadRecord(where, "it signs less than the head before it")
    query = "SELECT hash FROM event WHERE sequence = ?"
    row = work.execute(query, (event,)).fetchone()
    if row is None:
        raise BadRecord(where, f"it signs event {event}, and the chain ends before it")
    if row[0] != head["hash"]:
        raise BadRecord(where, f"it signs another event {event} than the chain has")
    return event


def _check_signature(
    where: str, key: bytes | None, named: str, text: bytes, signature: bytes
) -> None:
    if key is None or fingerprint(key) != named:
        raise BadRecord(
            where, f"its key {named!r:.40} is not the one in force at its event"
        )
    if not is_signed(key, text, signature):
        raise BadRecord(where, f"it is not signed by the key {named}")
