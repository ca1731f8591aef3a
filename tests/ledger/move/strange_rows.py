"""Rows with every kind of value: what a copy could lose or change."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from billing.ledger.database import Ledger
from billing.ledger.schema.tables import break_case, call_metadata, send_hold
from tests.ledger.bookkeeping import ACTOR
from tests.ledger.filling import fill

BIG = 2**63 - 1
TEXTS = (
    "",
    " ",
    "\\N",
    "\\",
    "\\t",
    "a\tb\nc\rd\\e\x08\x0b\x0c",
    "\n",
    "".join(map(chr, range(1, 256))),
    "č 漢字 🧾 \u202e \ufeff \U0010ffff",
    "NULL",
    '{"a": [1, "\\u0000"], "b":  null}',
    "'); DROP TABLE call; --",
    "x" * 100_000,
)
MOMENTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 0, 0, 120_000, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
)


def fill_strangely(ledger: Ledger) -> None:
    """Fill every table, some of them with values at all edges."""
    fill(ledger)
    at = ACTOR.at
    hold = {"customer": None, "at": at, "actor": "me", "held": 1}
    kept = {"called_at": at, "recorded_at": at, "erased_at": None}
    with ledger.writing() as connection:
        for number, words in enumerate(TEXTS):
            connection.execute(insert(send_hold).values(**hold, reason=words))
            # The order of these keys is that of their bytes, on both databases.
            named = {"account": words[:50], "call_id": f"{number}", "key": "é" * number}
            connection.execute(insert(call_metadata).values(**named, **kept, value="v"))
        for moment in MOMENTS:
            timed = hold | {"at": moment, "reason": None}
            connection.execute(insert(send_hold).values(timed))
        for number in (BIG, -BIG, 0):
            row = insert(break_case).values(
                period="2026-03",
                cause="foreign",
                calls=f"[{number}]",
                hour=at + timedelta(microseconds=1),
                opened_at=at,
                opened_run=1,
            )
            connection.execute(row)
