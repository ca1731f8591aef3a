"""The program itself: what it imports, lists and answers before any command runs."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from billing.cli import COMMANDS, main
from tests.cli.desk import run_alone

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
