"""The index of the trail: altered by hand it is named, and made anew from the trail."""

from contextlib import ExitStack

import pytest
from sqlalchemy import text

from billing.domain.invariants import Invariant
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.recorded.rebuilt_index import rebuild_index, without_guards
from billing.ledger.audit.schema_history import guards_digest
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import find_faults
from billing.reports.audit.live_ledger import verify_ledger
from tests.ledger.bookkeeping import NOON
from tests.ledger.integrity.sound_ledger import fill_soundly

ALICE = Actor("alice", NOON)
DAMAGES = {
    "it is gone": "DELETE FROM row_digest; DELETE FROM row_range",
    "one row of it is gone": "DELETE FROM row_digest WHERE name = 'price'",
    "one row of it is another": "UPDATE row_digest SET sha256 = 'x' WHERE name = "
    "'meter_event' AND key = '1'",
    "one range of it is another": "UPDATE row_range SET sha256 = 'x' WHERE name = "
    "'call'",
    "it says more": "INSERT INTO row_digest VALUES ('price', '99', 'x', 1)",
}


def damage(ledger: Ledger, *statements: str) -> None:
    with ledger.engine.begin() as connection, ExitStack() as stack:
        for table in ("row_digest", "row_range"):
            stack.enter_context(without_guards(connection, table))
        for statement in statements:
            connection.execute(text(statement))


def trail_faults(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return find_faults(connection)[Invariant.TRAIL]


@pytest.mark.parametrize("name", DAMAGES)
def test_an_index_that_was_altered_names_its_way_out(ledger: Ledger, name: str) -> None:
    fill_soundly(ledger)
    with ledger.reading() as connection:
        guards = guards_digest(connection)
    damage(ledger, *DAMAGES[name].split("; "))
    assert "--rebuild-index" in trail_faults(ledger)[0]
    verify_ledger(ledger)
    with ledger.writing() as connection:
        held = rebuild_index(connection, ALICE)
    assert all(held.values())
    assert trail_faults(ledger) == []
    with ledger.reading() as connection:
        assert guards_digest(connection) == guards
    verify_ledger(ledger)
