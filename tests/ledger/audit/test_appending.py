"""When the trail is appended to: at the end, at once, and for an upgrade as a whole."""

import json
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import Connection, text

from billing.ledger.audit import audit_log
from billing.ledger.audit.export_lines import BINDING, binding_lines, lines
from billing.ledger.audit.sealing import append_now
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import find_faults
from billing.ledger.schema.tables import account
from billing.ledger.sync import outbox
from billing.ledger.sync.event_rows import release
from tests.ledger.bookkeeping import (
    NOON,
    reading,
    record,
    register,
    rows,
    stage,
    staged_event,
)

COVERS = "SELECT covers FROM audit_event ORDER BY id"
BILL = "UPDATE account SET customer = '{}' WHERE name = 'main'"


def bill(connection: Connection, customer: str) -> None:
    """Let another customer be billed for the account, as the code would."""
    audit_log.touch(connection, account, ["main"])
    connection.execute(text(BILL.format(customer)))


def appended(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM audit_event")) or 0)


def newest(ledger: Ledger) -> dict[str, list[list[object]]]:
    """Return what the trail's last event covers row by row, by table."""
    covers = json.loads(str(rows(ledger, COVERS)[-1][0]))
    return {cover["table"]: cover["each"] for cover in covers}


def digests(ledger: Ledger) -> tuple[str, str]:
    """Return the digests of the account and of what the first event carries."""
    with ledger.reading() as connection:
        accounts = {row.key: row.line for row in lines(connection, "account")}
        [of_event] = binding_lines(connection)
    main = sha256(accounts["main"]).hexdigest()
    return main, sha256(of_event.line).hexdigest()


def faults(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return [words for found in find_faults(connection).values() for words in found]


def test_what_is_appended_at_once_is_there_and_is_not_appended_again(
    ledger: Ledger,
) -> None:
    register(ledger)
    with ledger.writing() as connection:
        before = appended(connection)
        bill(connection, "globex")
        assert appended(connection) == before
        append_now(connection)
        assert appended(connection) == before + 1
        append_now(connection)
        assert appended(connection) == before + 1
        bill(connection, "acme")
    assert len(rows(ledger, COVERS)) == before + 2
    assert faults(ledger) == []


def test_whoever_only_reads_has_nothing_to_append(ledger: Ledger) -> None:
    register(ledger)
    before = len(rows(ledger, COVERS))
    with ledger.reading() as connection:
        append_now(connection)
    assert len(rows(ledger, COVERS)) == before


def test_of_all_events_those_are_covered_that_are_named_and_carry_other_rows(
    ledger: Ledger,
) -> None:
    register(ledger)
    for number in range(3):
        started_at = NOON + timedelta(hours=number)
        record(ledger, reading(f"call_{number}", started_at=started_at))
    stage(ledger)
    with ledger.writing() as connection:
        audit_log.touch_binding(connection, [1])
        release(connection, outbox.event_numbered(connection, 2))
    was, is_now = (sha256(line).hexdigest() for line in (b"[2]", b"[]"))
    assert newest(ledger)[BINDING] == [[2, is_now, was]]


def test_an_upgrade_names_no_rows_and_is_covered_as_a_whole(ledger: Ledger) -> None:
    staged_event(ledger)
    ledger.migrates = True
    with ledger.writing() as connection:
        connection.execute(text(BILL.format("globex")))
        connection.execute(text("UPDATE b2b_usage SET meter_event_id = 1 WHERE id = 0"))
    ledger.migrates = False
    of_account, of_event = digests(ledger)
    covered = newest(ledger)
    assert [key for key, _ in covered["account"]] == ["main", "other"]
    assert covered["account"][0] == ["main", of_account]
    assert covered[BINDING] == [[1, of_event]]
    # What it left is what the next change of the row is compared with.
    with ledger.writing() as connection:
        bill(connection, "acme")
    after, _ = digests(ledger)
    assert newest(ledger) == {"account": [["main", after, of_account]]}
    assert faults(ledger) == []
