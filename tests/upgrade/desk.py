"""A desk at a running sandbox: commands are typed, and the world is moved on."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from click.testing import CliRunner, Result
from sqlalchemy import NullPool, create_engine, text

from billing.cli import main

Document = dict[str, Any]
KILLED_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Desk:
    """Where a person types commands, beside a sandbox that can be told what to do."""

    folder: Path
    url: str
    ledger_url: str

    @property
    def settings_file(self) -> Path:
        """Where the settings are."""
        return self.folder / "billing.toml"

    def type_in(self, *args: str, settings: bool = True) -> Result:
        """Type a command; a traceback is a failed test."""
        where = ["--settings", str(self.settings_file)] if settings else []
        result = CliRunner().invoke(main, [*args, *where])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *args: str, codes: Sequence[int] = (0,)) -> Document:
        """Type a command that ends with one of these codes; return its document."""
        result = self.type_in(*args, "--json")
        assert result.exit_code in codes, result.output
        document: Document = json.loads(result.stdout)
        return document

    def run(self) -> Document:
        """Run one whole cycle; no part of it may fail, though breaks may be found."""
        document = self.json("run", codes=(0, 1))
        assert document["errors"] == [], document["errors"]
        return document

    def rows(self, query: str, **values: object) -> list[Document]:
        """Read the ledger by plain SQL."""
        engine = create_engine(self.ledger_url, poolclass=NullPool)
        with engine.connect() as connection:
            rows = connection.execute(text(query), values)
            return [dict(row._mapping) for row in rows]

    def amend(self, old: str, new: str) -> None:
        """Change the settings file."""
        words = self.settings_file.read_text()
        assert old in words, old
        self.settings_file.write_text(words.replace(old, new))

    def now(self) -> datetime:
        """Return what the sandbox's clock says."""
        moment = self.ask("GET", "/_sandbox/clock")["now"]
        return datetime.fromisoformat(moment).astimezone(UTC)

    def move_to(self, moment: datetime) -> None:
        """Set the sandbox's clock."""
        self.ask("PUT", "/_sandbox/clock", {"now": moment.isoformat()})

    def trouble(self, *faults: Mapping[str, object]) -> None:
        """Put these faults in force, and lift all others."""
        self.ask("PUT", "/_sandbox/faults", list(faults))

    def truth(self) -> Document:
        """Return what Pamela's calls are owed, and what Stripe really counted."""
        return self.ask("GET", "/_sandbox/truth?requests=no")

    def ask(
        self,
        method: str,
        path: str,
        document: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        """Ask something of the sandbox."""
        with httpx2.Client(timeout=30, trust_env=False, verify=False) as client:
            answer = client.request(
                method, f"{self.url}{path}", json=document, headers=headers
            )
        answer.raise_for_status()
        reply: Document = answer.json()
        return reply

    def kill(self, *args: str, while_slow: int, faults: Sequence[Document]) -> None:
        """Kill a command once so many of its requests wait for a slow answer."""
        self.trouble(*faults)
        before = self._slow()
        line = [sys.executable, "-m", "billing", *args]
        victim = subprocess.Popen(
            [*line, "--settings", str(self.settings_file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + KILLED_WITHIN_SECONDS
        while self._slow() - before < while_slow:
            assert victim.poll() is None, f"{args} came to its end"
            assert time.monotonic() < deadline, f"{args} asked too little"
            time.sleep(0.05)
        # What was asked is done by now; only its answer is late.
        time.sleep(2)
        victim.kill()
        victim.wait()
        self.trouble()

    def _slow(self) -> int:
        return int(self.ask("GET", "/_sandbox/faults")["struck"].get("latency", 0))


def stripe_minutes(truth: Document) -> dict[str, dict[str, int]]:
    """Return what Stripe really counted, by its customer and the month."""
    return {
        customer: {
            month: sum(meters.values()) for month, meters in counted["months"].items()
        }
        for customer, counted in truth["stripe"]["test"].items()
    }


def pamela_minutes(truth: Document) -> dict[str, dict[str, int]]:
    """Return what Pamela's calls are owed by the rule, by customer and month."""
    minutes_of: dict[str, dict[str, int]] = {}
    for account in truth["pamela"].values():
        for month, sums in account["months"].items():
            for customer, minutes in sums["customers"].items():
                minutes_of.setdefault(customer, {})[month] = minutes
    return minutes_of


def counted_twice(truth: Document) -> list[str]:
    """Return the identifiers that Stripe counted more than once."""
    names = [
        event["identifier"]
        for counted in truth["stripe"]["test"].values()
        for hour in counted["hours"].values()
        for event in hour["events"]
        if event["counted"]
    ]
    return sorted({name for name in names if names.count(name) > 1})
