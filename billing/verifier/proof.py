"""The proof of one call: all that a bundle holds of it, to be read by a person."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from billing.verifier.call_history import Revision, Usage, read_one_call
from billing.verifier.calls import DECIDED
from billing.verifier.findings import Unreadable
from billing.verifier.prices import MICRO, PriceList
from billing.verifier.rows import LineSource, read_rows

_COVER = """
SELECT sequence, first, last, sha, hash, at FROM cover JOIN event USING (sequence)
WHERE tbl = ? AND period = ? AND first <= ? AND last >= ?
"""
_ENTRY = """
SELECT sequence, lower(hex(sha)), hash, at FROM entry JOIN event USING (sequence)
WHERE tbl = ? AND key = ?
"""
_HEAD = "SELECT MIN(number) FROM head WHERE event >= ?"
_DECISION = """
SELECT id, actor, at, reason, evidence FROM call_decision
WHERE account = ? AND call_id = ? AND revision = ?
"""
_CARRIERS = """
SELECT id, identifier, minutes, state, reason, evidence FROM meter_event
WHERE id IN (SELECT event FROM bound WHERE usage = ?)
"""


def money(amount_micro: int, currency: str) -> str:
    """Write an amount exactly, with two places or as many as it needs."""
    whole, rest = divmod(abs(amount_micro), MICRO)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_micro < 0 else ''}{whole:,}.{digits} {currency}"


def prove_call(
    source: LineSource, work: sqlite3.Connection, call_id: str
) -> Iterator[str]:
    """Yield the lines of a call's proof; raises Unreadable for an unknown call."""
    revisions, rows = read_one_call(work, call_id)
    if not revisions:
        raise Unreadable(f"the bundle holds no call {call_id!r:.80}")
    prices = PriceList(work)
    yield f"Call {call_id}"
    decided = any(revision.status == DECIDED for revision in revisions)
    yield "  What Pamela said of it" + (", and a person decided:" if decided else ":")
    for revision in revisions:
        when = f"began {revision.started_at}" if revision.started_at else "never began"
        seconds = revision.duration_seconds
        lasted = "" if seconds is None else f", {seconds} s"
        name = f"revision {revision.revision} of account {revision.account}"
        yield f"    {name}: {revision.status}, {when}{lasted}"
        yield from _decided(work, revision)
        yield from _covered(work, "call", revision.period, revision.id)
        price = prices.at(revision.started_at) if revision.started_at else None
        if revision.customer and price and seconds is not None:
            minutes = max(-(-seconds // 60), 1)
            due = money(price.amount_micro(minutes), price.currency)
            yield (
                f"      max(ceil({seconds} / 60), 1) = {minutes} minutes at "
                f"{price.per_minute} {price.currency} (price {price.id}, from "
                f"{price.effective_from}) = {due} for {revision.customer}"
            )
    yield "  What is billed for it:"
    for row in rows:
        yield from _billed(work, row)
    yield from _reported(source, work, rows)


def _decided(work: sqlite3.Connection, revision: Revision) -> Iterator[str]:
    values = revision.account, revision.call_id, revision.revision
    for number, actor, at, reason, evidence in work.execute(_DECISION, values):
        yield f"      {actor} decided it at {at}: {reason} ({evidence})"
        yield from _entered(work, "call_decision", number)


def _billed(work: sqlite3.Connection, row: Usage) -> Iterator[str]:
    corrects = "" if row.corrects is None else f", corrects row {row.corrects}"
    yield (
        f"    row {row.id}: {row.type} of {row.minutes} minutes, "
        f"{money(row.amount_micro, row.currency)}, for {row.customer} in {row.period}, "
        f"hour {row.hour}{corrects}"
    )
    yield from _covered(work, "b2b_usage", row.period, row.id)


def _reported(
    source: LineSource, work: sqlite3.Connection, rows: list[Usage]
) -> Iterator[str]:
    events: dict[int, Any] = {}
    for row in rows:
        events |= {event[0]: event for event in work.execute(_CARRIERS, (row.id,))}
    if not events:
        yield "  No meter event carries it."
        return
    yield "  How it was reported to Stripe:"
    for number, identifier, minutes, state, reason, evidence in events.values():
        status = f"{state}, {reason}" if reason else state
        yield f"    event {identifier}: {minutes} minutes in all, {status}"
        yield from _entered(work, "meter_event", number)
        if evidence:
            yield f"      evidence: {evidence}"
    for attempt in read_rows(source, "meter_attempt"):
        if attempt[1] in events:
            answer = f"{attempt[7]}, HTTP {attempt[8]}, request {attempt[9]}"
            of = f"attempt {attempt[2]} of event {attempt[1]}"
            yield f"    {of} at {attempt[5]}: {answer}"
            yield from _entered(work, "meter_attempt", attempt[0])
    for reading in read_rows(source, "meter_reading"):
        if reading[1] in events:
            of = f"reading of event {reading[1]}"
            yield f"    {of} at {reading[2]}: {reading[3]} minutes"


def _covered(
    work: sqlite3.Connection, table: str, period: str, number: int
) -> Iterator[str]:
    for cover in work.execute(_COVER, (table, period, number, number)):
        sequence, first, last, sha, hashed, at = cover
        among = f"rows {first} to {last}, SHA-256 {sha}"
        yield f"      row {number} of {table} is among {among}"
        yield f"      {_anchor(work, sequence, hashed, at)}"


def _entered(work: sqlite3.Connection, table: str, key: int) -> Iterator[str]:
    for sequence, sha, hashed, at in work.execute(_ENTRY, (table, key)):
        yield f"      row {key} of {table} has SHA-256 {sha}"
        yield f"      {_anchor(work, sequence, hashed, at)}"


def _anchor(work: sqlite3.Connection, sequence: int, hashed: str, at: str) -> str:
    (head,) = work.execute(_HEAD, (sequence,)).fetchone()
    signed = f"head {head}" if head else "this bundle alone"
    return f"in audit event {sequence} of {at}, {hashed}, signed in {signed}"
