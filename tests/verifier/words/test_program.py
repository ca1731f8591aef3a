"""What the program answers: its words, its exit codes, and where they go."""

import io
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from billing.verifier import verification
from billing.verifier.claims import Month
from billing.verifier.findings import BadRecord, Unreadable
from billing.verifier.manifest import Manifest
from billing.verifier.program import _lines, _reconciled, main, report_verification
from billing.verifier.verification import (
    BundleSummary,
    Verification,
    out_of_room,
)
from tests.full_disk import full_disk
from tests.tamper.bundles import Original, pack

TOTAL = {"currency": "usd", "customers": 1, "rows": 2, "minutes": 1, "amount_micro": 5}
OPEN, KNOWN = {"acknowledged_by": None}, {"acknowledged_by": "kim"}


def month(
    close: dict[str, Any] | None = None,
    run: dict[str, Any] | None = None,
    items: tuple[dict[str, Any], ...] = (),
) -> Month:
    return Month(
        totals=[TOTAL], close=close, reconciliation=run, unresolved=list(items)
    )


@pytest.mark.parametrize(
    ("difference", "items", "words"),
    [
        (0, (), "is 0 minutes; 0 items open"),
        (-1, (OPEN,), "is -1 minute; 1 item open"),
        (1_200, (OPEN, OPEN, KNOWN), "is 1,200 minutes; 2 items open, 1 acknowledged"),
        (2, (KNOWN,), "is 2 minutes; 0 items open, 1 acknowledged"),
    ],
)
def test_a_reconciliation_is_told_with_what_is_open(
    difference: int, items: tuple[dict[str, Any], ...], words: str
) -> None:
    run = {"run": 7, "difference_minutes": difference}
    sentence = f"reconciliation 7: Stripe less Pamela {words}"
    assert _reconciled(month(run=run, items=items)) == sentence


def test_a_month_that_was_never_reconciled_is_told_so() -> None:
    assert _reconciled(month(items=(OPEN,))) == "the month was never reconciled"


def lines_of(of: Month, *, older: int | None = None, trusted: bool = True) -> list[str]:
    manifest = Manifest(
        period="2026-03",
        key="k1",
        public_key="",
        files={"verify.py": {"sha256": "s1"}, "a": {}},
        document={},
    )
    chain = {"events": 1_000, "hash": "h1", "heads": 1, "head": "x"}
    verdict = Verification(
        manifest=manifest,
        left=["Thumbs.db", "._x"] if older else [],
        shown=BundleSummary(chain, ["k1"], calls=1, usage_rows=2),
        month=of,
        older_events=older,
        proof=("Call c",) if older else (),
    )
    return list(_lines(verdict, "b.zip", trusted=trusted))


def test_a_closed_month_is_told_in_these_words() -> None:
    assert lines_of(month(close={"digest": "d1"})) == [
        "PASS  b.zip, 2026-03",
        "  2 files are as the manifest says; it is signed by the key k1",
        "  1,000 audit events without a gap, 1 signed head; its end is h1",
        "  2 rows of usage rated again from 1 call",
        "  total: 2 rows, 1 minute, 0.000005 usd, 1 customer",
        "  the month is frozen under the digest d1",
        "  the month was never reconciled",
        "  the verify.py inside has the SHA-256 s1",
    ]


def test_an_open_month_and_what_lies_beside_it_are_told() -> None:
    told = lines_of(month(), older=1_500, trusted=False)
    assert told[5:] == [
        "  PROVISIONAL: the month is not closed, its figures may still change",
        "  the month was never reconciled",
        "  the older bundle's 1,500 audit events are the beginning of this chain",
        "  not part of the bundle: Thumbs.db, ._x",
        "  the verify.py inside has the SHA-256 s1",
        (
            "  whose key that is, no bundle can show: compare it with the fingerprint "
            "that you were given, or give it with --key"
        ),
        "Call c",
    ]


def test_rows_beyond_64_bits_are_a_bad_record() -> None:
    bad = out_of_room(sqlite3.OperationalError("integer overflow"))
    assert isinstance(bad, BadRecord)
    assert str(bad) == "b2b_usage: its rows add up to more than 64 bits hold"


def test_a_full_disk_is_no_verdict_and_says_where_room_is_wanted() -> None:
    fault = out_of_room(sqlite3.OperationalError("database or disk is full"))
    assert isinstance(fault, Unreadable)
    assert str(fault) == (
        "database or disk is full; make room in the folder for temporary files "
        "(TMPDIR), then verify again"
    )


def test_an_output_of_another_encoding_gets_escapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main([str(tmp_path / "\u6708.zip")]) == 2
    assert b"\\u6708.zip" in raw.getvalue()


def test_a_reader_who_has_had_enough_ends_nothing(
    original: Original, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    path = str(pack(original.files, target))
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main([path]) == 0
        print("nobody reads this", file=closed, flush=True)


def test_a_document_says_the_same_as_the_lines(
    original: Original, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(pack(original.files, target))
    assert main([path, "--json", "--call", "call_1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "PASS"
    assert document["provisional"] is False
    assert document["key_is_the_trusted_one"] is False
    assert document["close"]["digest"] in original.files["manifest.json"].decode()
    assert document["proof"][0] == "Call call_1"
    assert [item["case"] for item in document["reconciliation"]["open_items"]] == [1, 2]
    key = original.key.fingerprint
    assert main([path, "--json", "--key", key]) == 0
    assert json.loads(capsys.readouterr().out)["key_is_the_trusted_one"] is True
    target.write_bytes(b"hello")
    assert main([path, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["where"]) == ("FAIL", "bundle.zip")
    assert main([f"{path}x", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "UNREADABLE"
    assert "there is no bundle" in document["why"]


@pytest.mark.parametrize("room", [0, 4_096, 100_000])
def test_a_disk_that_fills_up_is_no_verdict(
    original: Original, target: Path, room: int
) -> None:
    """It may be full before the first table of the temporary database is there."""
    path = pack(original.files, target)
    with full_disk(after=room):
        code, document, lines = report_verification(path, call_id="call_1")
    assert (code, document["verdict"]) == (2, "UNREADABLE")
    assert "make room in the folder for temporary files" in lines[0]


@pytest.mark.parametrize("step", ["read_manifest", "check_claims", "prove_call"])
def test_what_no_check_foresaw_is_a_bad_record(
    original: Original, target: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def stumble(*_: object) -> None:
        raise IndexError("never thought of")

    monkeypatch.setattr(verification, step, stumble)
    path = pack(original.files, target)
    code, document, _ = report_verification(path, call_id="call_1")
    assert (code, document["where"]) == (1, "bundle.zip")
    assert document["why"] == "it makes no sense (IndexError('never thought of'))"
