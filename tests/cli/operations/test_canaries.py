"""Canaries: no secret and nothing that acts comes out, wherever it was put in."""

import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from importlib import import_module

import click
import pytest
from click.testing import CliRunner, Result

from billing.cli import COMMANDS, main
from tests.cli import canaries
from tests.cli.desk import LAST, Desk
from tests.gateways.forging import Forger, forging

ACTING = "\x1b[2J\x07\u202e\x9b"
FORBIDDEN = ("\x1b", "\x07", "\u202e", "\x9b", "\udcff", "\0")
NUMBER = "+49 151 2345678"
NUMBERS = ("2345678", "1512345678")
# They run until they are stopped, or make a world of their own.
WITHOUT_SETTINGS = {"demo", "sandbox", "daemon"}
Option = tuple[tuple[str, ...], click.Parameter]


def refuse_canaries(result: Result, secrets: list[str]) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for sign in FORBIDDEN:
        assert sign not in result.output, ascii(result.output)
    for secret in secrets:
        assert secret not in result.output


def options() -> Iterator[Option]:
    """Yield every option and argument that takes words, with its command."""
    for name, (place, _) in COMMANDS.items():
        if name not in WITHOUT_SETTINGS:
            module, _, attribute = place.partition(":")
            found = getattr(import_module(f"billing.commands.{module}"), attribute)
            yield from _options_of((name,), found)


def _options_of(path: tuple[str, ...], command: click.Command) -> Iterator[Option]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _options_of((*path, name), inner)
        return
    for param in command.params:
        if not getattr(param, "is_flag", False):
            yield path, param


def _line(path: tuple[str, ...], param: click.Parameter, word: str) -> list[str]:
    if isinstance(param, click.Argument):
        return [*path, word]
    return [*path, param.opts[0], word]


def test_no_option_shows_what_was_typed_as_it_is(
    run_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run_desk.folder)
    secret = run_desk.secrets[0]
    typed = [(path, param) for path, param in options()]
    assert len(typed) > 60
    settings = ["--settings", str(run_desk.settings_file)]
    for path, param in typed:
        for word in (f"x{ACTING}\udcff", secret, f"{ACTING}/{secret}.json"):
            line = _line(path, param, word)
            if param.name != "settings_file" and path[0] != "verify":
                line += settings if path != ("audit", "verifier") else []
            for more in ([], ["--json"]):
                result = CliRunner().invoke(main, [*line, *more])
                refuse_canaries(result, run_desk.secrets)


def test_a_secret_that_was_typed_is_refused_without_being_shown(desk: Desk) -> None:
    key = desk.secrets[0]
    result = desk("sync", "--hold", "--customer", f"for-{key}")
    assert result.exit_code == 2
    assert (
        "what was typed for customer holds the secret stripe.api_key" in result.output
    )


def test_what_a_person_says_is_kept_without_a_number_and_what_acts(desk: Desk) -> None:
    why = f"asked {NUMBER} of {ACTING} on 2026-03-03"
    assert desk("sync", "--hold", "--reason", why).exit_code == 0
    told = desk.json("audit", "trail")["events"][-1]["reason"]
    assert told == (
        r"asked (withheld: it could be a phone number) of \x1b[2J\x07\u202e\x9b "
        "on 2026-03-03"
    )
    assert not [sign for sign in FORBIDDEN if sign in canaries.dump(
        desk.folder / "billing.db").decode()]  # fmt: skip


def test_no_setting_is_shown_as_it_is(desk: Desk) -> None:
    good = desk.settings_file.read_text()
    key = desk.secrets[0]
    places = list(re.finditer(r'= "([^"\n]*)"', good))
    assert len(places) > 15
    for place in places:
        url = f"postgresql://u:{key}@h.invalid/d?sslpassword={key}"
        for word in (f"{place[1]}{ACTING} {key}", key, url):
            value = json.dumps(word)
            changed = f"{good[: place.start()]}= {value}{good[place.end() :]}"
            desk.settings_file.write_text(changed)
            refuse_canaries(desk("doctor"), desk.secrets)


def test_a_secret_in_the_settings_is_refused_without_being_shown(desk: Desk) -> None:
    key = desk.secrets[0]
    text = desk.settings_file.read_text()
    desk.settings_file.write_text(f'report_metadata = ["{key}"]\n{text}')
    result = desk("status")
    assert result.exit_code == 2
    assert "report_metadata holds the secret stripe.api_key" in result.output


@pytest.fixture
def forger(desk: Desk) -> Iterator[Forger]:
    """Stand between the desk and its sandbox."""
    with forging(desk.url) as forger:
        desk.amend(f'base_url = "{desk.url}"', f'base_url = "{forger.url}"')
        yield forger


def refusal(desk: Desk, status: int) -> tuple[int, str]:
    said = f"{ACTING} {' '.join(desk.secrets)} {NUMBER} \ud83d\0"
    words = dict.fromkeys(("message", "detail", "code", "param", "error_code"), said)
    error = {**words, "type": "invalid_request_error"}
    return status, json.dumps({**words, "error": error})


def test_no_refusal_comes_into_the_ledger_or_out_of_it_as_it_was_said(
    desk: Desk, forger: Forger
) -> None:
    forger.refusal, forger.refused = refusal(desk, 400), "POST"
    desk.settle()
    results = [desk("run")]
    forger.refused = ""
    for status in (401, 403, 400):
        forger.refusal = refusal(desk, status)
        results += [desk("run"), desk("doctor"), desk("reconcile", "--json")]
    [[call]] = desk.query("SELECT call_id FROM b2b_usage LIMIT 1")
    bundle = desk.folder / "month.zip"
    for line in (
        ("status",),
        ("status", "--json"),
        ("breaks", "--json"),
        ("explain", call),
        ("explain", call, "--json"),
        ("audit", "trail", "--last", "500"),
        ("report", "reconciliation", LAST),
        ("export", "audit", LAST, "--output", str(bundle)),
    ):
        results.append(desk(*line))
    for result in results:
        refuse_canaries(result, desk.secrets)
        assert not [number for number in NUMBERS if number in result.output]
    dump = canaries.dump(desk.folder / "billing.db").decode()
    assert r"\x1b[2J\x07\u202e\x9b (the secret " in dump
    with zipfile.ZipFile(bundle) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist()]
    for text in (dump, *texts):
        assert not [ascii(word) for word in FORBIDDEN if word in text]
        assert not [word for word in (*desk.secrets, *NUMBERS) if word in text]


def test_rows_of_an_old_ledger_are_read_safely(run_desk: Desk) -> None:
    run_desk.done("sync", "--hold", "--reason", "old words")
    # An earlier version wrote such words down as they came.
    with sqlite3.connect(run_desk.folder / "billing.db") as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for (name,) in names:
            connection.execute(f"DROP TRIGGER {name}")
        for table, column in (
            ("send_hold", "reason"),
            ("meter_attempt", "detail"),
            ("cycle_run", "errors"),
            ("audit_event", "reason"),
        ):
            word = json.dumps([ACTING]) if column == "errors" else ACTING
            connection.execute(f"UPDATE {table} SET {column} = ?", (word,))
    connection.close()
    [[call]] = run_desk.query("SELECT call_id FROM b2b_usage LIMIT 1")
    for line in (("status",), ("explain", call), ("audit", "trail"), ("doctor",)):
        for more in ((), ("--json",)):
            refuse_canaries(run_desk(*line, *more), run_desk.secrets)
