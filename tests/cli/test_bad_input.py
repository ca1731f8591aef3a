"""Whatever is wrong is one sentence and an exit code, and changes nothing."""

import sqlite3
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from billing.cli import main
from billing.ledger.database import open_ledger
from billing.ledger.locking.locks import exclusive_process
from billing.sandbox.faults import FaultKind
from billing.sandbox.server import listen
from tests.cli.desk import LAST, Desk

CANARY = "sk_test_canary_that_nobody_sees"
Prepare = Callable[[Desk], None]


def nothing(desk: Desk) -> None:
    """Leave the desk as it is."""


def no_settings(desk: Desk) -> None:
    desk.settings_file.unlink()


def malformed_settings(desk: Desk) -> None:
    desk.settings_file.write_text("[stripe\n")


def secret_in_settings(desk: Desk) -> None:
    desk.amend("file:secrets/stripe", CANARY)


def unknown_setting(desk: Desk) -> None:
    desk.amend("[billing]", "[billing]\nfirst_perod = 1")


def no_secret(desk: Desk) -> None:
    (desk.folder / "secrets" / "stripe").unlink()


def no_stripe_key(desk: Desk) -> None:
    desk.write_secret("stripe", "not-a-key")


def wrong_pamela_key(desk: Desk) -> None:
    desk.write_secret("pamela-summit", "pk_live_canary_that_nobody_knows")


def wrong_stripe_key(desk: Desk) -> None:
    desk.done("pull", LAST)
    desk.write_secret("stripe", CANARY)


def no_ledger(desk: Desk) -> None:
    (desk.folder / "billing.db").unlink()


def empty_ledger(desk: Desk) -> None:
    no_ledger(desk)
    sqlite3.connect(desk.folder / "billing.db").close()
    (desk.folder / "billing.db").touch()


def at_schema(version: str) -> Prepare:
    def prepare(desk: Desk) -> None:
        connection = sqlite3.connect(desk.folder / "billing.db")
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
        connection.close()

    return prepare


def not_a_ledger(desk: Desk) -> None:
    (desk.folder / "billing.db").write_text("a page of a novel " * 99)


def no_sandbox(desk: Desk) -> None:
    desk.amend(f"{desk.url}/_sandbox/clock", "http://127.0.0.1:9/_sandbox/clock")


def no_meter(desk: Desk) -> None:
    desk.done("pull", LAST)
    desk.amend('meter = "stripe_minutes"', 'meter = "stripe_hours"')


def unknown_customer(desk: Desk) -> None:
    desk.done("pull", LAST)
    desk.amend('stripe_customer = "cus_hazeltravel"', 'stripe_customer = "cus_no"')


def pulled(desk: Desk) -> None:
    desk.done("pull", LAST)


def pages(kind: FaultKind) -> Prepare:
    return lambda desk: desk.trouble(kind, "pamela.*")


@pytest.mark.parametrize(
    ("prepare", "line", "code", "words"),
    [
        (nothing, "pull 2026-13", 2, "a period is written 2026-10, last or this"),
        (nothing, "pull march", 2, "a period is written 2026-10, last or this"),
        (nothing, "pull 2025-12", 2, "before first_period"),
        (nothing, "run 2026-02 2026-04", 2, "2026-04 has not begun"),
        (nothing, "pull --account nobody", 2, "the settings name riverside"),
        (nothing, "pull --account riversid", 2, "did you mean riverside?"),
        (nothing, "report statement 2026-02 nobody", 2, "no customer nobody"),
        (pulled, "report statement last hazel-travl", 2, "did you mean hazel-travel"),
        (nothing, "report usage --by metadata:campaign", 2, "report_metadata"),
        (nothing, "report usage --by custmer", 2, "did you mean customer?"),
        (nothing, "report usage --by day --by hour", 2, "--by takes one value"),
        (nothing, "audit trail --last 1 --last=2", 2, "--last takes one value"),
        (nothing, "report usage --format pdf", 2, "'pdf' is not one of"),
        (nothing, "report usage --format xlxs", 2, "did you mean xlsx"),
        (nothing, "report usage --by colour", 2, "colour"),
        (nothing, "sing", 2, "No such command"),
        (nothing, "recncile", 2, "Did you mean 'reconcile'"),
        (nothing, "report usge", 2, "Did you mean 'usage'"),
        (nothing, "sync --loudly", 2, "No such option"),
        (nothing, "init", 2, "--force overwrites it"),
        (nothing, "init --force --sandbox http://127.0.0.1:9", 2, "no sandbox answers"),
        (no_settings, "status", 2, "`pamela-billing init` writes one"),
        (malformed_settings, "status", 2, "cannot be read"),
        (unknown_setting, "status", 2, "did you mean first_period?"),
        (secret_in_settings, "sync", 2, "env:NAME or file:PATH"),
        (no_secret, "sync", 2, "cannot read"),
        (no_stripe_key, "sync", 2, "not a Stripe secret key"),
        (wrong_pamela_key, "pull", 1, "account summit: the API key is refused"),
        (wrong_pamela_key, "run", 1, "account summit: the API key is refused"),
        (wrong_stripe_key, "sync", 1, "Stripe: the API key is refused"),
        (wrong_stripe_key, f"reconcile {LAST}", 1, "Stripe: the API key is refused"),
        (no_meter, "sync", 1, "nothing is sent, because there is no meter"),
        (unknown_customer, "sync", 1, "no customer for hazel-travel"),
        (no_ledger, "run", 2, "there is no ledger"),
        (empty_ledger, "status", 2, "run `pamela-billing db upgrade`"),
        (at_schema("0001"), "run", 2, "older than this code"),
        (at_schema("9999"), "run", 2, "install the newer release"),
        (not_a_ledger, "status", 2, "not a database"),
        (no_sandbox, "run", 2, "is the sandbox running?"),
        (pages(FaultKind.MALFORMED), "pull", 1, "an unreadable answer"),
        (pages(FaultKind.HTML), "pull", 1, "an unreadable answer"),
        (pages(FaultKind.HUGE), "pull", 1, "the answer is larger than"),
        (pages(FaultKind.FORBIDDEN), "pull", 1, "account summit"),
    ],
)
def test_a_fault_is_one_sentence_and_an_exit_code(
    desk: Desk, prepare: Prepare, line: str, code: int, words: str
) -> None:
    prepare(desk)
    result = desk(*line.split())
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert CANARY not in result.output


@pytest.mark.parametrize(
    ("prepare", "line", "kind"),
    [
        (nothing, "pull 2026-13", "BadInput"),
        (nothing, "sing", "BadInput"),
        (nothing, "pull 2025-12", "BadInput"),
        (nothing, "init", "BadInput"),
        (no_settings, "status", "SettingsFault"),
        (no_ledger, "run", "LedgerUnready"),
    ],
)
def test_with_json_an_error_is_a_document_too(
    desk: Desk, prepare: Prepare, line: str, kind: str
) -> None:
    prepare(desk)
    error = desk.json(*line.split(), code=2)["error"]
    assert set(error) == {"kind", "message"}
    assert error["kind"] == kind
    assert error["message"]


def test_a_second_process_is_refused_and_readers_are_not(desk: Desk) -> None:
    ledger = open_ledger(f"sqlite:///{desk.folder / 'billing.db'}")
    with exclusive_process(ledger):
        for line in ("run", "pull", "sync", "reconcile", "daemon", "db upgrade"):
            result = desk(*line.split())
            assert result.exit_code == 2
            assert "another pamela-billing process" in result.stderr
        desk.done("status")
        desk.done("report", "usage")
    ledger.close()


def test_a_failed_pull_leaves_the_month_marked_incomplete(desk: Desk) -> None:
    desk.trouble(FaultKind.MALFORMED, "pamela.*")
    desk.done("pull", code=1)
    month = desk.json("status")["periods"][0]
    assert not any(one["complete"] for one in month["pulls"])
    assert "never" in desk.done("status")
    desk.sandbox.faults.replace_all([])
    desk.done("pull")
    month = desk.json("status")["periods"][0]
    assert [one["complete"] for one in month["pulls"]] == [True] * 3


def test_a_port_in_use_is_named(desk: Desk) -> None:
    with listen() as listener:
        port = str(listener.getsockname()[1])
        listener.listen()
        result = CliRunner().invoke(main, ["sandbox", "--port", port])
    assert result.exit_code == 2
    assert f"port {port} cannot be used" in result.stderr


def test_settings_that_cannot_be_written_are_named(desk: Desk) -> None:
    below_a_file = str(desk.settings_file / "billing.toml")
    result = CliRunner().invoke(main, ["init", "--settings", below_a_file])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_a_demo_leaves_a_full_folder_alone(desk: Desk) -> None:
    before = sorted(desk.folder.iterdir())
    result = CliRunner().invoke(main, ["demo", "--folder", str(desk.folder)])
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert sorted(desk.folder.iterdir()) == before
