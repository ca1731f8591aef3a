"""The tables of a bundle: their columns, and how a line is read."""

import json
import re
from hashlib import sha256
from typing import Any, NamedTuple

BINDING = "b2b_usage.meter_event_id"
EVENTS, HEADS = "audit_events.jsonl", "heads.jsonl"
HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


class Shape(NamedTuple):
    """A table: its columns with the kind of each, its key, and whose month it has."""

    columns: tuple[str, ...]
    kinds: str
    key: str
    together: bool
    month: str

    def place(self, column: str) -> int:
        """Return where in a row a column stands."""
        return self.columns.index(column)


def _shape(
    columns: str, key: str = "id", *, together: bool = False, month: str = "period"
) -> Shape:
    pairs = [word.split(":") for word in columns.split()]
    names, kinds = zip(*pairs, strict=True)
    return Shape(
        columns=names, kinds="".join(kinds), key=key, together=together, month=month
    )


# Written from the schema by tests/verifier/write_shapes.py. i and t are integers and
# texts; a capital may be null.
SHAPES = {
    "account": _shape(
        "name:t customer:T customer_metadata_key:T registered_at:t",
        "name",
        month="",
    ),
    "customer": _shape(
        "name:t stripe_customer:t registered_at:t",
        "name",
        month="",
    ),
    "price": _shape(
        "id:i effective_from:t per_minute:t currency:t registered_at:t",
        month="",
    ),
    "period_close": _shape(
        "period:t closed_at:t closed_by:t digest:t totals:T",
        "period",
    ),
    "pull": _shape(
        "id:i account:t period:t scope:t window_start:t window_end:t started_at:t "
        "finished_at:T state:t error:T pages:I fetched:I billed:I not_billable:I "
        "quarantined:I reasons:T source_call_count:I source_minutes:I ledger_minutes:I",
    ),
    "quarantine": _shape(
        "id:i account:t call_id:t period:t reason:t detail:t source_sha256:t pull_id:i "
        "seen_at:t released_at:T",
    ),
    "call": _shape(
        "id:i account:t call_id:t revision:i period:t status:t created_at:T "
        "started_at:T ended_at:T duration_seconds:I source_minutes:I customer:T "
        "not_billable:T minutes_gap:i extract_sha256:t source_sha256:t pull_id:i",
        together=True,
    ),
    "b2b_usage": _shape(
        "id:i type:t account:t customer:t call_id:t call_revision:i period:t hour:t "
        "call_hour:t billed_minutes:i amount_micro:i currency:t price_id:I corrects:I "
        "pull_id:i posted_at:t",
        together=True,
    ),
    "meter_event": _shape(
        "id:i identifier:t customer:t stripe_customer:t meter:t livemode:i period:t "
        "hour:t sequence:i timestamp:t minutes:i amount_micro:i usage_rows:i "
        "staged_at:t state:t reason:T evidence:T tries:i first_unknown_at:T "
        "last_sent_at:T carries:T rearmed_at:T",
    ),
    "meter_attempt": _shape(
        "id:i event_id:i number:i idempotency_key:t owner:t started_at:t answered_at:T "
        "verdict:T http_status:I request_id:T detail:T kind:t",
        month="event_id",
    ),
    "meter_reading": _shape(
        "id:i event_id:i read_at:t minutes:i",
        month="event_id",
    ),
    "error_report": _shape(
        "id:i name:t created_at:t window_start:t window_end:t error_count:i codes:t "
        "identifiers:t read_at:t settled_at:T",
        month="",
    ),
    "reconciliation_run": _shape(
        "id:i period:t started_at:t finished_at:t settled:i complete:i "
        "difference_minutes:i breaks:i invoices:I",
    ),
    "reconciliation_reading": _shape(
        "id:i run_id:i period:t customer:t stripe_customer:t pamela_minutes:i "
        "ledger_minutes:i stripe_minutes:i settled:i read_at:t unknown_minutes:I "
        "invoiced_minutes:I invoice:T",
        together=True,
    ),
    "reconciliation_break": _shape(
        "id:i run_id:i customer:T account:T cause:t hour:T minutes:i amount_micro:i "
        "calls:t case_id:I evidence:T event:T",
        together=True,
        month="run_id",
    ),
    "break_case": _shape(
        "id:i period:t customer:T account:T cause:t hour:T event:T calls:t opened_at:t "
        "opened_run:i acknowledged_at:T acknowledged_by:T reason:T resolved_at:T "
        "resolved_by:T",
    ),
    "meter_contact": _shape(
        "id:i customer:t stripe_customer:t meter:t livemode:i period:t read_at:t "
        "minutes:i lower:i upper:i whole_month:i",
    ),
    "sole_reporter": _shape(
        "id:i stated_at:t stated_by:t reason:t customer:T withdrawn:i",
        month="",
    ),
    "pull_scope": _shape(
        "id:i pull_id:i period:t month:t calls:i billed_here:i first_at:T last_at:T "
        "looked_back_to:t",
        together=True,
    ),
    "cycle_run": _shape(
        "id:i start_id:I period:t trigger:t owner:t started_at:t finished_at:T "
        "outcome:T errors:T seconds:I",
    ),
    "send_hold": _shape(
        "id:i customer:T held:i at:t actor:t reason:T",
        month="",
    ),
    "account_identity": _shape(
        "id:i account:t partner_id:T project_id:T key_digest:t first_seen_at:t "
        "source:t",
        month="",
    ),
    "account_rename": _shape(
        "id:i was:t now:t at:t actor:t",
        month="",
    ),
    "adoption": _shape(
        "id:i kind:t customer:t stripe_customer:t meter:t livemode:i from_hour:t at:t "
        "actor:t reason:t stopped_at:T period:T minutes:I",
        month="",
    ),
    "meter_opening": _shape(
        "id:i adoption_id:i event_id:i minutes:i read_at:T",
        month="event_id",
    ),
    "shadow_reading": _shape(
        "id:i customer:t stripe_customer:t meter:t livemode:i period:t read_at:t "
        "hours:t",
        together=True,
    ),
    "contradicting_call": _shape(
        "id:i account:t call_id:t revision:i period:t detail:t pull_id:i seen_at:t",
        together=True,
    ),
    "reconciliation_source": _shape(
        "id:i run_id:i account:t calls_minutes:i calls_read_at:T usage_minutes:I "
        "usage_read_at:T",
        together=True,
        month="run_id",
    ),
    "quarantine_place": _shape(
        "id:i quarantine_id:i period:t created_at:T started_at:T customer:T",
    ),
    "call_decision": _shape(
        "id:i account:t call_id:t revision:i quarantine_id:I seconds:I evidence:t at:t "
        "actor:t reason:t",
        month="",
    ),
    "summary_lag": _shape(
        "id:i event_id:i period:t sent_at:t last_unshown_at:T first_shown_at:t "
        "lag_seconds:I open_from:i",
        together=True,
    ),
}
TABLE_FILES = {name: f"tables/{name}.jsonl" for name in (*SHAPES, BINDING)}
# The first bundles had so many of the tables. A bundle of then has no file of any
# other, and its trail covers no row of one.
_FIRST = 16
LATER_FILES = frozenset(TABLE_FILES[name] for name in [*SHAPES][_FIRST:])
BINDING_COLUMNS = ["event_id", "usage_ids"]


def _refuse_float(text: str) -> Any:
    raise ValueError(f"{text[:40]} is no whole number")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that is there twice, readers would see either."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is there twice")
    return document


_decoder = json.JSONDecoder(
    parse_float=_refuse_float,
    parse_constant=_refuse_float,
    object_pairs_hook=_without_twins,
)
# A long line may hold so many lists and objects: each costs far more than it says.
_LONG, _MOST_PARTS = 2**20, 2**20


def read_json(line: bytes) -> Any:
    """Return the one JSON value of a line; raises ValueError, RecursionError."""
    if len(line) > _LONG and line.count(b"[") + line.count(b"{") > _MOST_PARTS:
        raise ValueError("it has more parts than any line of ours")
    text = line.decode()
    value, end = _decoder.raw_decode(text)
    if end != len(text):
        raise ValueError("something follows the JSON value")
    return value


def canonical(document: Any) -> bytes:
    """Return a small document of ours in its canonical form (RFC 8785)."""
    compact = json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return compact.encode()


def unhex(text: str, size: int) -> bytes:
    """Return so many bytes from their hex, which is spelled in one way only."""
    value = bytes.fromhex(text)
    if len(value) != size or value.hex() != text:
        raise ValueError(f"{text[:40]!r} is not {size} bytes in hex")
    return value


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line in hex."""
    return sha256(line).hexdigest()
