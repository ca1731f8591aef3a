"""A desk: a folder with settings, a sandbox to point them at, and the command line."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from billing.cli import main
from billing.sandbox.faults import Fault, FaultKind
from billing.sandbox.seeds.worlds import realistic
from billing.sandbox.world import Sandbox, new_sandbox

# A Tuesday; the whole month before is inside the 35 days that Stripe takes.
START = datetime(2026, 3, 3, 12, tzinfo=UTC)
LAST, PRESENT = "2026-02", "2026-03"
HOUR = 3_600
CALLS = 40


def small_sandbox(*, broken: bool = False) -> Sandbox:
    """Return a sandbox of three accounts and eight customers with few calls."""
    seeded = realistic(7, START, calls=CALLS, broken=broken)
    return new_sandbox(seeded.pamela, seeded.customers, START, rate_limits="off")


def type_in(folder: Path, *args: str) -> Result:
    """Type a command about the settings in a folder; a traceback is a failed test."""
    line = [*args, "--settings", str(folder / "billing.toml")]
    result = CliRunner().invoke(main, line)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@dataclass(frozen=True)
class Desk:
    """Where a person types commands."""

    folder: Path
    sandbox: Sandbox
    url: str

    @property
    def settings_file(self) -> Path:
        """Where the settings are."""
        return self.folder / "billing.toml"

    @property
    def secrets(self) -> list[str]:
        """What must never be seen in any output."""
        accounts = self.sandbox.pamela.accounts
        return ["sk_test_sandbox", *(account.api_key for account in accounts)]

    def __call__(self, *args: str) -> Result:
        """Type a command; no secret may come out of it, nor a traceback."""
        result = type_in(self.folder, *args)
        for secret in self.secrets:
            assert secret not in result.output
        return result

    def done(self, *args: str, code: int = 0) -> str:
        """Type a command that ends with this exit code; return what it prints."""
        result = self(*args)
        assert result.exit_code == code, result.output
        return result.stdout

    def json(self, *args: str, code: int = 0) -> Any:
        """Type a command that answers in JSON."""
        return json.loads(self.done(*args, "--json", code=code))

    def settle(self) -> None:
        """Let an hour pass: what is late comes in, and summaries catch up."""
        self.sandbox.clock.advance(HOUR)

    def amend(self, old: str, new: str) -> None:
        """Change the settings file."""
        text = self.settings_file.read_text()
        assert old in text
        self.settings_file.write_text(text.replace(old, new))

    def query(self, statement: str, *values: object) -> list[Any]:
        """Read the ledger by plain SQL."""
        with closing(sqlite3.connect(self.folder / "billing.db")) as connection:
            return connection.execute(statement, values).fetchall()

    def write_secret(self, name: str, secret: str) -> None:
        """Change a secret's file."""
        (self.folder / "secrets" / name).write_text(secret)

    def trouble(self, kind: FaultKind, endpoint: str) -> None:
        """Put a fault in force at an endpoint."""
        self.sandbox.faults.replace_all([Fault(kind=kind, endpoint=endpoint)])


def command_line(*args: str) -> list[str]:
    """Return a command line that runs in a process of its own."""
    return [sys.executable, "-m", "billing", *args]


def run_alone(*args: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, and wait for it."""
    return subprocess.run(
        command_line(*args),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
