"""`verify` and `db verify`, as a person types them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from billing.cli import main
from tests.cli.desk import LAST, Desk
from tests.tamper.bundles import Original, originals, pack


@pytest.fixture
def original(tmp_path: Path) -> Original:
    """Give a valid bundle."""
    return originals(tmp_path, seeds=2)[1]


def type_verify(*args: str | Path) -> tuple[int, str]:
    """Type `verify` in a folder without settings."""
    result = CliRunner().invoke(main, ["verify", *map(str, args)])
    return result.exit_code, result.output


def test_a_bundle_is_verified_without_any_settings(
    original: Original, tmp_path: Path
) -> None:
    path = pack(original.files, tmp_path / "b.zip")
    code, said = type_verify(path, "--key", original.key.fingerprint)
    assert (code, said[:4]) == (0, "PASS")
    code, said = type_verify(path, "--json", "--call", "call_1")
    assert code == 0
    assert '"verdict": "PASS"' in said
    assert "What is billed for it" in said


def test_a_bad_bundle_ends_with_1_and_none_with_2(
    original: Original, tmp_path: Path
) -> None:
    (tmp_path / "b.zip").write_bytes(b"hello")
    code, said = type_verify(tmp_path / "b.zip")
    assert (code, said[:4], said.count("\n")) == (1, "FAIL", 1)
    code, said = type_verify(tmp_path / "none.zip")
    assert (code, said.count("\n")) == (2, 1)
    assert "there is no bundle" in said


def test_the_ledger_is_verified_and_an_edit_by_hand_is_found(desk: Desk) -> None:
    desk.done("pull")
    desk.done("sync", "--now")
    said = desk.done("db", "verify")
    assert said.startswith("PASS  every row is as the audit trail recorded it")
    assert desk.json("db", "verify")["verdict"] == "PASS"
    with closing(sqlite3.connect(desk.folder / "billing.db")) as connection:
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in connection.execute(guards).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE b2b_usage SET billed_minutes = 1 WHERE id = 5")
        connection.execute("UPDATE b2b_usage SET billed_minutes = 2 WHERE id = 6")
        connection.commit()
    said = desk.done("db", "verify", code=1)
    assert said.startswith("FAIL  tables/b2b_usage.jsonl, rows ")
    assert "they are not as audit event" in said
    assert desk.json("db", "verify", code=1)["verdict"] == "FAIL"


def test_a_month_is_exported_and_verified(desk: Desk) -> None:
    desk.done("run")
    key = desk.json("audit", "heads")["key"]
    said = desk.done("export", "audit", LAST, "--output", str(desk.folder))
    bundle = desk.folder / f"audit-{LAST}.zip"
    assert said.startswith(f"{bundle}: ")
    assert f"{LAST} is not closed: the bundle is marked provisional" in said
    code, said = type_verify(bundle, "--key", key)
    assert (code, said[:4]) == (0, "PASS")
    written = desk.json("export", "audit", LAST, "--output", str(bundle))
    assert written["manifest"]["parameters"] == {"period": LAST}


def test_without_its_key_nothing_is_exported(desk: Desk) -> None:
    desk.done("run")
    (desk.folder / "audit.key").unlink()
    said = desk("export", "audit", LAST, "--output", str(desk.folder))
    assert said.exit_code != 0
    assert "there is no key" in said.output
    assert list(desk.folder.glob("*.zip")) == []
