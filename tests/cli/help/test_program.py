"""The program itself: what it imports, lists and answers before any command runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from billing.cli import COMMANDS, Program, main
from tests.cli.desk import run_alone

SECRET = "sk_test_secret_of_nobody"
HEAVY = {"sqlalchemy", "stripe", "fastapi", "pamela", "rich", "pydantic", "alembic"}
LOADED = "import sys, billing.cli; print(*{name.split('.')[0] for name in sys.modules})"


def test_importing_the_program_loads_nothing_heavy() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(finished.stdout.split())


def test_help_lists_every_command_with_its_purpose() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    for name, (_, purpose) in COMMANDS.items():
        assert name in text
        assert purpose.split(":")[0].split(",")[0] in " ".join(text.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_takes_json(name: str) -> None:
    answer = CliRunner().invoke(main, [name, "--help"])
    assert answer.exit_code == 0
    if name not in {"report", "export", "db", "audit"}:
        assert "--json" in answer.stdout


@pytest.mark.parametrize("line", ["report usage", "report statement", "db upgrade"])
def test_commands_of_a_group_take_json_and_settings(line: str) -> None:
    text = CliRunner().invoke(main, [*line.split(), "--help"]).stdout
    assert "--json" in text
    assert "--settings" in text


def test_python_dash_m_is_the_same_program(tmp_path: Path) -> None:
    finished = run_alone("--version", folder=tmp_path)
    assert finished.returncode == 0
    assert "version" in finished.stdout


class FaultyProgram(Program):
    """The program, each of whose commands ends in a fault that nobody thought of."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return a command that fails, with a secret in its words."""

        def fail() -> None:
            raise LookupError(f"{os.environ['STRIPE_API_KEY']} \x1b[2J")

        return click.Command(cmd_name, callback=fail)


def fault(*args: str) -> Result:
    program = FaultyProgram("pamela-billing")
    return CliRunner().invoke(program, args, env={"STRIPE_API_KEY": SECRET})


def test_a_fault_that_nobody_thought_of_is_one_sentence() -> None:
    result = fault("status")
    assert result.exit_code == 1
    [sentence] = result.stderr.splitlines()
    where = r"a fault of this program, LookupError at test_program\.py:\d+; please"
    assert re.match(rf"pamela-billing: {where}", sentence)
    assert result.stdout == ""


def test_with_json_a_fault_of_the_program_is_a_document_too() -> None:
    program = FaultyProgram("pamela-billing")
    program.params = [click.Option(["--json"], is_flag=True)]
    result = CliRunner().invoke(program, ["--json", "status"])
    assert json.loads(result.stdout)["error"]["kind"] == "ProgramFault"


def test_its_way_is_shown_to_whoever_asks_and_without_secrets() -> None:
    script = (
        "from tests.cli.help.test_program import FaultyProgram\n"
        "FaultyProgram('pamela-billing').main(['status'])"
    )
    finished = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"STRIPE_API_KEY": SECRET},
    )
    assert finished.returncode == 1
    assert "Traceback" in finished.stderr
    assert "in fail\n" in finished.stderr
    assert "LookupError: (the secret STRIPE_API_KEY)" in finished.stderr
    assert SECRET not in finished.stderr
    assert "\x1b" not in finished.stderr
