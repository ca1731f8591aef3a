"""Row text: the same bytes on both databases, and each value as it was."""

from typing import Any

import pytest
from sqlalchemy import Text, insert, select

from billing.ledger.database import Ledger
from billing.ledger.move.row_text import (
    RowText,
    column_names,
    copied_tables,
    count_rows,
    read_text,
    split_rows,
)
from billing.ledger.schema.columns import ExactDecimal, ExactInteger, UtcTime
from billing.ledger.schema.tables import law_check, ledger_move, metadata
from tests.ledger.bookkeeping import ACTOR
from tests.ledger.move.strange_rows import BIG, TEXTS, fill_strangely


def text_of(ledger: Ledger, name: str) -> bytes:
    """Return the text of a table."""
    with ledger.reading() as connection:
        texts = read_text(connection, metadata.tables[name])
        return b"".join(text.lines for text in texts)


def test_all_tables_are_copied_but_the_marks_of_moves() -> None:
    assert {*copied_tables(), ledger_move} == set(metadata.tables.values())


def test_no_column_has_a_type_that_the_databases_spell_differently() -> None:
    columns = [column for table in copied_tables() for column in table.columns]
    kinds = {type(column.type) for column in columns}
    assert kinds == {ExactInteger, ExactDecimal, Text, UtcTime}


def test_both_databases_give_the_same_text_of_the_same_rows(
    sqlite_ledger: Ledger, postgres_ledger: Ledger
) -> None:
    for ledger in (sqlite_ledger, postgres_ledger):
        fill_strangely(ledger)
    for table in copied_tables():
        # Each was filled by itself: only when its guards were made may differ.
        if table.name not in {"audit_event", "audit_head"}:
            assert text_of(sqlite_ledger, table.name) == text_of(
                postgres_ledger, table.name
            ), table.name


def test_every_value_can_be_read_from_it(ledger: Ledger) -> None:
    fill_strangely(ledger)
    table = metadata.tables["send_hold"]
    reason = column_names(table).index("reason")
    with ledger.reading() as connection:
        texts = list(read_text(connection, table))
        stored = connection.execute(select(table.c.reason).order_by(table.c.id)).all()
        assert sum(text.rows for text in texts) == count_rows(connection, table)
    read = [fields[reason] for text in texts for fields in split_rows(text)]
    assert read == [words for (words,) in stored]
    assert set(TEXTS) < set(read)


def test_numbers_of_64_bits_are_exact(ledger: Ledger) -> None:
    ends = ("call", "usage", "event", "attempt", "pull")
    check: dict[str, Any] = {f"last_{name}": BIG for name in ends}
    with ledger.writing() as connection:
        row = insert(law_check).values(at=ACTOR.at, whole=-BIG, faults="{}", **check)
        connection.execute(row)
    line = text_of(ledger, "law_check").decode().split("\t")
    assert line[2:8] == [str(-BIG), *[str(BIG)] * 5]


@pytest.mark.parametrize("words", TEXTS)
def test_a_field_is_split_as_it_was_written(words: str) -> None:
    escaped = words.replace("\\", "\\\\")
    for character, letter in zip("\b\t\n\v\f\r", "btnvfr", strict=True):
        escaped = escaped.replace(character, f"\\{letter}")
    text = RowText(1, f"{escaped}\t\\N\n".encode())
    assert split_rows(text) == [[words, None]]
