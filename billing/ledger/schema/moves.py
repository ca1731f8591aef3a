"""Moves: where a ledger came from, and where it went; no part of its audit trail."""

from sqlalchemy import CheckConstraint

from billing.ledger.schema.base import key, number, table, text_column, time

# The newest row says whether this ledger is in force. It is never copied.
ledger_move = table(
    "ledger_move",
    key(),
    text_column("state"),
    text_column("address"),
    number("event"),
    text_column("hash"),
    time("at"),
    text_column("actor"),
    CheckConstraint("state IN ('arriving', 'arrived', 'moved')", name="state"),
)
