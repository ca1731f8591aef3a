"""Every command on the happy path, over real HTTP, and the names in its JSON."""

import csv
import io
from decimal import Decimal

from billing.domain.invariants import Invariant
from billing.sandbox.server import running
from tests.cli.desk import HOUR, LAST, PRESENT, Desk, small_sandbox

RECONCILED = {
    "period",
    "settled",
    "complete",
    "clean",
    "difference_minutes",
    "quarantined",
    "customers",
    "accounts",
    "invoices_read",
    "invoices_fault",
    "unread",
    "invoices_unread",
    "accounts_unread",
}
CUSTOMER = {
    "customer",
    "stripe_customer",
    "pamela_minutes",
    "ledger_minutes",
    "stripe_minutes",
    "difference_minutes",
    "settled",
    "breaks",
    "verdict",
    "unknown_minutes",
    "least_minutes",
    "most_minutes",
    "unexplained_minutes",
    "invoiced_minutes",
    "pamela_read_at",
    "ledger_read_at",
    "stripe_read_at",
    "invoice_difference",
    "invoice",
}
BREAK = {
    "cause",
    "minutes",
    "amount",
    "calls",
    "hour",
    "book",
    "event",
    "evidence",
}


def test_init_writes_settings_for_a_sandbox_with_secrets_that_only_we_read(
    bare_desk: Desk,
) -> None:
    made = bare_desk.json("init", "--sandbox", bare_desk.url)
    assert made["schema"]
    assert (bare_desk.folder / "billing.db").exists()
    for secret in (bare_desk.folder / "secrets").iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600
    text = bare_desk.settings_file.read_text()
    assert not [secret for secret in bare_desk.secrets if secret in text]
    assert f'first_period = "{LAST}"' in text


def test_init_for_real_keys_writes_comments_and_examples(bare_desk: Desk) -> None:
    assert "doctor" in bare_desk.done("init")
    text = bare_desk.settings_file.read_text()
    assert "env:STRIPE_API_KEY" in text
    assert "[[prices]]" in text
    assert "[audit]" in text
    assert (bare_desk.folder / "billing.db").exists()


def test_doctor_finds_nothing_wrong_with_a_sandbox(desk: Desk) -> None:
    report = desk.json("doctor")
    assert report["healthy"]
    names = [check["name"] for check in report["checks"]]
    assert names[:2] == ["settings", "ledger"]
    assert {"account riverside", "clock, against riverside"} <= set(names)
    assert {"Stripe", "meter stripe_minutes", "customer elm-couriers"} <= set(names)
    assert {"subscription of elm-couriers", "grace period"} <= set(names)
    assert "✗" not in desk.done("doctor")


def test_a_month_goes_from_pull_to_a_difference_of_zero(desk: Desk) -> None:
    pulled = desk.json("pull", LAST)
    assert [one["complete"] for one in pulled["pulls"]] == [True] * 3
    for one in pulled["pulls"]:
        apart = sum(one["not_billable"].values()) + sum(one["quarantined"].values())
        assert one["fetched"] == one["billed"] + apart
        assert one["source_minutes"] == one["ledger_minutes"]

    waiting = desk.json("status")["rows"]
    # The calls of the first days of this month were met too, and are not lost.
    rows = "SELECT count(*) FROM b2b_usage WHERE period = ?"
    [(of_month,)], [(beside,)] = desk.query(rows, LAST), desk.query(rows, PRESENT)
    assert of_month == sum(one["billed"] for one in pulled["pulls"])
    assert waiting["pending"] == of_month + beside
    assert (waiting["synced"], waiting["failed"]) == (0, 0)

    synced = desk.json("sync")
    assert synced["clean"]
    assert synced["events"] == {"synced": synced["staged"]}
    assert desk.json("status")["rows"] == waiting | {
        "pending": 0,
        "synced": waiting["pending"],
    }

    early = desk.json("reconcile", LAST, code=3)
    assert set(early) >= RECONCILED
    assert not early["settled"]
    assert early["difference_minutes"] is None
    assert set(early["customers"][0]) == CUSTOMER
    breaks = [item for one in early["customers"] for item in one["breaks"]]
    assert {item["cause"] for item in breaks} == {"not_settled"}
    assert set(breaks[0]) == BREAK
    amount = sum(Decimal(item["amount"]) for item in breaks)
    assert amount == sum(item["minutes"] for item in breaks) * Decimal("0.10") < 0
    assert "Not settled yet" in desk.done("reconcile", LAST, code=3)

    desk.settle()
    late = desk.json("reconcile", LAST)
    assert (late["settled"], late["clean"], late["difference_minutes"]) == (1, 1, 0)
    assert "agree" in desk.done("reconcile", LAST)


def test_one_account_is_pulled_alone(desk: Desk) -> None:
    pulled = desk.json("pull", "--account", "summit")
    assert pulled["period"] == PRESENT
    assert [one["account"] for one in pulled["pulls"]] == ["summit"]
    assert "summit" in desk.done("pull", "--account", "summit")


def test_run_is_a_whole_cycle_and_a_later_one_takes_up_what_changed(desk: Desk) -> None:
    first = desk.json("run")
    assert (first["failed"], first["errors"]) == (False, [])
    assert len(first["pulls"]) == 6
    assert first["sync"]["staged"] > 0
    assert [one["period"] for one in first["reconciliations"]] == [LAST, PRESENT]
    desk.sandbox.clock.advance(10 * HOUR)
    second = desk.json("run")
    assert 0 < second["sync"]["staged"] < first["sync"]["staged"]
    desk.settle()
    assert "agree" in desk.done("run")
    assert desk.json("reconcile")["difference_minutes"] == 0


def test_the_present_hour_is_reported_only_when_asked(desk: Desk) -> None:
    desk.sandbox.clock.advance(3 * HOUR + HOUR // 2)
    desk.done("pull")
    assert "synced" in desk.done("sync")
    waiting = desk.json("status")
    assert waiting["rows"]["pending"] > 0
    assert waiting["periods"][0]["oldest_pending"] == "2026-03-03T15:00:00Z"
    assert "nothing was due" in desk.done("sync")
    assert desk.json("sync", "--now")["clean"]
    assert desk.json("status")["rows"]["pending"] == 0


def test_status_tells_of_pulls_quarantine_and_the_last_reconciliation(
    desk: Desk,
) -> None:
    desk.done("run")
    status = desk.json("status")
    assert [month["period"] for month in status["periods"]] == [PRESENT, LAST]
    month = status["periods"][1]
    assert set(month) == {
        "period",
        "rows",
        "minutes",
        "failed_reasons",
        "oldest_pending",
        "pulls",
        "quarantined",
        "last_reconciliation",
        "closed",
    }
    assert [one["account"] for one in month["pulls"]] == [
        "lakeview",
        "riverside",
        "summit",
    ]
    assert all(one["complete"] for one in month["pulls"])
    assert month["last_reconciliation"]["settled"] is False
    text = desk.done("status")
    assert "reconciled" in text
    assert "complete as of" in text


def test_what_cannot_be_understood_is_shown_and_fails_the_run(desk: Desk) -> None:
    sandbox = small_sandbox(broken=True)
    with running(sandbox) as url:
        other = Desk(desk.folder / "broken", sandbox, url)
        other.done("init", "--sandbox", url)
        assert other.json("run", code=1)["failed"]
        held = other.json("status")["periods"][1]["quarantined"]
        assert {"account", "call", "reason", "detail", "seen_at"} == set(held[0])
        assert "is in quarantine, " in other.done("status")
        assert "in quarantine" in other.done("reconcile", LAST, code=1)


def test_reports_add_up_whatever_they_are_grouped_by(desk: Desk) -> None:
    desk.done("run")
    by = {
        key: desk.json("report", "usage", LAST, "--by", key)
        for key in ("customer", "account", "day")
    }
    assert by["customer"]["total"] == by["account"]["total"] == by["day"]["total"]
    for report in by.values():
        for field in ("billed_minutes", "calls"):
            lines = sum(row[field] for row in report["rows"])
            assert lines == report["total"][field]
        amounts = sum(Decimal(row["billed_amount"]) for row in report["rows"])
        assert amounts == Decimal(report["total"]["billed_amount"])
    assert "total" in desk.done("report", "usage", LAST)


def test_a_statement_is_the_customers_line_of_the_usage_report(desk: Desk) -> None:
    desk.done("run")
    desk.sandbox.clock.advance(10 * HOUR)
    desk.done("run")
    for row in desk.json("report", "usage")["rows"]:
        statement = desk.json("report", "statement", PRESENT, row["customer"])
        assert statement["total"]["minutes"] == row["billed_minutes"]
        assert statement["total"]["amount"] == row["billed_amount"]
        assert sum(day["minutes"] for day in statement["days"]) == row["minutes"]
        corrected = sum(item["minutes"] for item in statement["adjustments"])
        assert corrected == row["adjusted_minutes"]
        assert statement["sync"]["minutes"]["synced"] == row["billed_minutes"]
    text = desk.done("report", "statement", PRESENT, "hazel-travel")
    assert "adjustment" in text


def test_csv_has_the_same_lines_as_the_table(desk: Desk) -> None:
    desk.done("run")
    text = desk.done("report", "usage", LAST, "--csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    report = desk.json("report", "usage", LAST)
    assert [line["customer"] for line in lines[:-1]] == [
        row["customer"] for row in report["rows"]
    ]
    assert lines[-1]["billed_amount"] == report["total"]["billed_amount"]
    statement = desk.done("report", "statement", LAST, "hazel-travel", "--csv")
    [headings, *_, total] = csv.reader(io.StringIO(statement))
    assert headings[:3] == ["kind", "day", "call"]
    assert dict(zip(headings, total, strict=True))["kind"] == "total"


def test_the_ledger_is_sound_after_a_run(desk: Desk) -> None:
    desk.done("run")
    report = desk.json("db", "check")
    assert report["sound"]
    assert [check["check"] for check in report["checks"]] == list(Invariant)
    assert desk.json("status")["laws"]["broken"] == {}
    doctor = desk.json("doctor", code=0)["checks"]
    assert {f"law of {law}" for law in Invariant} <= {check["name"] for check in doctor}
    assert "✗" not in desk.done("db", "check")
    assert desk.json("db", "upgrade") == desk.json("db", "upgrade")
    assert "schema" in desk.done("db", "upgrade")


def test_status_and_reports_need_neither_keys_nor_a_sandbox(desk: Desk) -> None:
    desk.done("run")
    seen = desk.json("status")["rows"]
    for secret in (desk.folder / "secrets").iterdir():
        secret.unlink()
    desk.amend(desk.url, "http://127.0.0.1:9")
    assert desk.json("status")["rows"] == seen
    assert desk.json("report", "usage", LAST)["total"]["calls"] > 0
