"""Audit bundles of real ledgers, on both databases."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from billing.domain.period import BillingPeriod
from billing.errors import BadInput, SigningFault, UnfitTarget
from billing.ledger.database import Ledger
from billing.reports.audit.bundle import Export, export_bundle
from billing.reports.audit.live_ledger import verify_ledger
from billing.verifier.findings import BadRecord
from billing.verifier.shapes import BINDING, TABLE_FILES
from billing.verifier.verification import verify_bundle
from tests.ledger.bookkeeping import ACTOR, reading, record, stage
from tests.ledger.integrity.sound_ledger import IN_FEBRUARY
from tests.reports.audit.proof_world import (
    FEBRUARY,
    KEY,
    MARCH,
    by_hand,
    export,
    fill,
    sign,
)
from tests.verifier.signing import TestKey


@pytest.fixture
def proven(ledger_url: str) -> Any:
    """Give a filled ledger, once on each engine."""
    from tests.conftest import opened

    for ledger in opened(ledger_url):
        fill(ledger)
        yield ledger


def rows_of(bundle: Path, table: str) -> list[Any]:
    """Read the rows of a table in a bundle."""
    with zipfile.ZipFile(bundle) as opened:
        lines = opened.read(TABLE_FILES[table]).splitlines()
    return [json.loads(line) for line in lines[1:]]


@pytest.mark.parametrize("period", [FEBRUARY, MARCH])
def test_a_month_is_verified_from_its_bundle(
    proven: Ledger, tmp_path: Path, period: BillingPeriod
) -> None:
    verdict = verify_bundle(
        export(proven, tmp_path / "b.zip", period), key=KEY.fingerprint
    )
    assert verdict.shown.usage_rows >= len(verdict.month.totals) == 1
    said = verdict.manifest.document
    assert said["provisional"] is (period == MARCH)
    assert said["run_by"] == "tests"
    assert (said["close"] is None) is (period == MARCH)


def test_both_databases_give_the_same_bytes(
    sqlite_ledger: Ledger, postgres_ledger: Ledger, tmp_path: Path
) -> None:
    for ledger in (sqlite_ledger, postgres_ledger):
        fill(ledger)
    for period in (FEBRUARY, MARCH):
        first = export(sqlite_ledger, tmp_path / "first.zip", period).read_bytes()
        again = export(sqlite_ledger, tmp_path / "again.zip", period).read_bytes()
        other = export(postgres_ledger, tmp_path / "other.zip", period).read_bytes()
        assert first == again == other


def test_what_a_month_refers_to_in_others_is_in_its_bundle(
    proven: Ledger, tmp_path: Path
) -> None:
    bundle = export(proven, tmp_path / "b.zip", FEBRUARY)
    late = [row for row in rows_of(bundle, "b2b_usage") if row[4] == "late"]
    assert [row[6] for row in late] == [str(MARCH)]
    bundle = export(proven, tmp_path / "b.zip", MARCH)
    corrected = [row for row in rows_of(bundle, "b2b_usage") if row[4] == "february"]
    assert [row[6] for row in corrected] == [str(MARCH), str(FEBRUARY)]


def test_a_later_bundle_extends_an_earlier_one(proven: Ledger, tmp_path: Path) -> None:
    older = export(proven, tmp_path / "older.zip")
    record(proven, reading("new"), reading("late", started_at=IN_FEBRUARY, seconds=5))
    stage(proven)
    sign(proven)
    newer = export(proven, tmp_path / "newer.zip")
    events = verify_bundle(newer, older=older).older_events
    assert events == verify_bundle(older).shown.chain["events"]


def test_a_call_is_proved_from_a_real_bundle(proven: Ledger, tmp_path: Path) -> None:
    verdict = verify_bundle(export(proven, tmp_path / "b.zip"), call_id="moved")
    said = "\n".join(verdict.proof)
    assert "revision 2 of account main" in said
    assert "reading of event" in said
    assert "minutes in all, synced" in said


def test_nothing_is_exported_of_a_month_that_nobody_knows(
    proven: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="nothing is known of 2031-01"):
        export(proven, tmp_path / "b.zip", BillingPeriod(2031, 1))
    assert list(tmp_path.glob("*.zip")) == []


def test_a_folder_that_is_not_there_is_one_sentence(
    proven: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(UnfitTarget):
        export(proven, tmp_path / "none" / "b.zip")


def test_the_live_ledger_is_verified_by_the_same_core(proven: Ledger) -> None:
    shown = verify_ledger(proven)
    assert shown.keys == [KEY.fingerprint]
    assert shown.chain["heads"] == 2


EDITS = {
    "a minute": "UPDATE b2b_usage SET billed_minutes = billed_minutes + 1 WHERE id = 2",
    "an amount": "UPDATE b2b_usage SET amount_micro = 0 WHERE id = 3",
    "a customer": "UPDATE b2b_usage SET customer = 'globex' WHERE id = 2",
    "a duration": "UPDATE call SET duration_seconds = 1 WHERE id = 2",
    "a price": "UPDATE price SET per_minute = '0.05' WHERE id = 1",
    "a state": "UPDATE meter_event SET state = 'pending' WHERE id = 1",
    "an answer": "UPDATE meter_attempt SET request_id = 'req_x' WHERE id = 1",
    "a reading": "UPDATE meter_reading SET minutes = 5 WHERE id = 1",
    "a binding": "UPDATE b2b_usage SET meter_event_id = NULL WHERE id = 2",
    "a close": "UPDATE period_close SET closed_by = 'me'",
    "a finding": "UPDATE reconciliation_reading SET stripe_minutes = 4",
    "a break": "DELETE FROM reconciliation_break WHERE id = 2",
    "a pull": "UPDATE pull SET fetched = fetched WHERE id = 0",
    "who did it": "UPDATE audit_event SET actor = 'me' WHERE id = 3",
    "a hash": "UPDATE audit_event SET hash = '0' WHERE id = 3",
    "a head": "UPDATE audit_head SET signature = 'ab' WHERE number = 1",
    "the last head": "UPDATE audit_head SET hash = event WHERE number = 2",
    "a call that is gone": "DELETE FROM call WHERE id = 1",
    "a reading more": (
        "INSERT INTO meter_reading (id, event_id, read_at, minutes) "
        "SELECT 99, event_id, read_at, minutes FROM meter_reading WHERE id = 1"
    ),
}


@pytest.mark.parametrize("edit", [name for name in EDITS if name != "a pull"])
def test_an_edit_by_hand_is_found(proven: Ledger, tmp_path: Path, edit: str) -> None:
    by_hand(proven, EDITS[edit])
    with pytest.raises(BadRecord) as raised:
        verify_ledger(proven)
    assert str(raised.value).isprintable()


def test_an_edit_that_changes_nothing_is_no_alarm(proven: Ledger) -> None:
    by_hand(proven, EDITS["a pull"])
    verify_ledger(proven)


def test_the_bundle_of_an_edited_ledger_is_refused(
    proven: Ledger, tmp_path: Path
) -> None:
    by_hand(proven, EDITS["a minute"])
    with pytest.raises(BadRecord, match="they are not as audit event"):
        verify_bundle(export(proven, tmp_path / "b.zip"))


def test_bindings_have_a_file_of_their_own() -> None:
    assert TABLE_FILES[BINDING] == "tables/b2b_usage.meter_event_id.jsonl"


def test_a_key_that_the_trail_does_not_have_seals_nothing(
    proven: Ledger, tmp_path: Path
) -> None:
    asked = Export(
        period=MARCH,
        run_by="tests",
        run_at=ACTOR.at,
        code_version="0.1.0",
        parameters={},
    )
    with pytest.raises(SigningFault, match=f"which has {KEY.fingerprint}"):
        export_bundle(proven, tmp_path / "b.zip", asked, TestKey(8))
    assert list(tmp_path.glob("*.zip")) == []
