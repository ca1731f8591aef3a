"""The sandbox as a process: it tells where it is, keeps its state, and stops."""

import json
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from billing.app import opened_app
from tests.cli.desk import command_line, run_alone, type_in


class SandboxProcess:
    """A running `pamela-billing sandbox`."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.process = subprocess.Popen(
            command_line("sandbox", "--port", "0", "--json", *args),
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.facts: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.url = self.facts["url"]

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(sign)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_keeps_its_state_however_it_is_stopped(
    tmp_path: Path, sign: signal.Signals
) -> None:
    first = SandboxProcess(tmp_path, "--empty", "--state", "world.json")
    with httpx2.Client(trust_env=False, verify=False) as client:
        client.post(f"{first.url}/_sandbox/customers", json={"name": "acme"})
        assert first.stop(sign) == 0
        second = SandboxProcess(tmp_path, "--state", "world.json")
        facts = client.get(f"{second.url}/_sandbox").json()
    assert [customer["name"] for customer in facts["customers"]] == ["acme"]
    assert second.stop() == 0


def test_init_and_run_work_against_it(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path, "--empty")
    account = sandbox.facts["accounts"][0]["api_key"]
    with httpx2.Client(trust_env=False, verify=False) as client:
        refused = type_in(tmp_path, "init", "--sandbox", sandbox.url)
        assert refused.exit_code == 2
        assert "has no customers yet" in refused.stderr
        client.post(f"{sandbox.url}/_sandbox/customers", json={"name": "acme"})
        now = client.get(f"{sandbox.url}/_sandbox/clock").json()["now"]
        call = {
            "started_at": now,
            "duration_seconds": 0,
            "metadata": {"customer": "acme"},
        }
        answer = client.post(
            f"{sandbox.url}/_sandbox/calls",
            json=[call],
            headers={"Authorization": f"Bearer {account}"},
        )
        assert answer.json()["added"] == 1
    made = type_in(tmp_path, "init", "--sandbox", sandbox.url)
    assert made.exit_code == 0, made.stderr
    with opened_app(tmp_path / "billing.toml", actor="tests") as app:
        assert app.stripe_customers.keys() == {"acme"}
    assert type_in(tmp_path, "run").exit_code == 0
    status = json.loads(type_in(tmp_path, "status", "--json").stdout)
    assert status["rows"]["pending"] == 1
    assert sandbox.stop() == 0


@contextmanager
def shown(folder: Path, lines: int, *args: str) -> Iterator[str]:
    """Run a sandbox while the block runs; give the first lines that a person sees."""
    line = command_line("sandbox", "--port", "0", *args)
    process = subprocess.Popen(
        line, cwd=folder, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout
    try:
        yield "".join(process.stdout.readline() for _ in range(lines))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_a_person_sees_how_to_use_it(tmp_path: Path) -> None:
    with shown(tmp_path, 9, "--empty") as text:
        for words in ("pamela-billing init --sandbox http", "PamelaClient(", "curl -X"):
            assert words in text


def test_the_next_lines_lead_to_books_that_agree(tmp_path: Path) -> None:
    with shown(tmp_path, 29) as text:
        following = text.partition("Next, in another terminal and a new folder:\n")[2]
        lines = [shlex.split(line, comments=True) for line in following.splitlines()]
        assert [line[0] for line in lines].count("curl") == 2
        codes = [type_line(tmp_path, line) for line in lines]
    assert codes == [0, 0, 3, 0, 0, 0, 0]


def type_line(folder: Path, words: list[str]) -> int:
    """Type a line of the sandbox's own; return its exit code."""
    if words[0] == "curl":
        _, _, method, url, _, order = words
        with httpx2.Client(trust_env=False, verify=False) as client:
            client.request(method, url, content=order).raise_for_status()
        return 0
    return type_in(folder, *words[words.index("pamela-billing") + 1 :]).exit_code


def test_a_place_that_cannot_take_the_state_is_refused_at_once(tmp_path: Path) -> None:
    line = ("sandbox", "--port", "0", "--state", "nowhere/world.json")
    refused = run_alone(*line, folder=tmp_path)
    assert refused.returncode == 2
    assert "nowhere/world.json cannot be written" in refused.stderr


def test_a_state_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text("[]")
    line = ("sandbox", "--port", "0", "--state", "world.json")
    refused = run_alone(*line, folder=tmp_path)
    assert refused.returncode == 2
    assert "world.json" in refused.stderr
    assert "Traceback" not in refused.stderr
