"""The daemon as a process: a cycle at once and at each new hour, and a clean stop."""

import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from billing.sandbox.faults import Fault, FaultKind
from tests.cli.desk import HOUR, Desk, command_line

PATIENCE_SECONDS = 60
STOPS_WITHIN_SECONDS = 10


class Daemon:
    """A running daemon, and the lines of its log."""

    def __init__(self, desk: Desk) -> None:
        line = command_line("daemon", "--settings", str(desk.settings_file))
        self.process = subprocess.Popen(
            line,
            cwd=desk.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.seen: list[dict[str, Any]] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, step: str) -> dict[str, Any]:
        """Return the next line of a step."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.1))
            entry: dict[str, Any] = json.loads(line)
            self.seen.append(entry)
            if entry["step"] == step:
                return entry

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to stop; return how many seconds it took."""
        asked = time.monotonic()
        self.process.send_signal(sign)
        self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - asked

    def close(self) -> str:
        """End it in any case; return what it wrote to standard error."""
        self.process.kill()
        self._reader.join()
        _, errors = self.process.communicate()
        return errors


@contextmanager
def daemon_of(desk: Desk) -> Iterator[Daemon]:
    """Run a daemon while the block runs; nothing is complained of, no secret shown."""
    daemon = Daemon(desk)
    try:
        yield daemon
    finally:
        errors = daemon.close()
    assert errors == ""
    log = json.dumps(daemon.seen)
    assert not [secret for secret in desk.secrets if secret in log]


def test_it_runs_a_cycle_at_once_and_one_for_each_new_hour(desk: Desk) -> None:
    with daemon_of(desk) as daemon:
        assert daemon.wait_for("start")["first_period"] == "2026-02"
        first = daemon.wait_for("cycle")
        assert first["failed"] is False
        steps = [entry["step"] for entry in daemon.seen]
        assert steps == ["start", *["pull"] * 6, "sync", *["reconcile"] * 2, "cycle"]
        assert all(entry["time"].endswith("Z") for entry in daemon.seen)

        desk.sandbox.clock.advance(10 * HOUR)
        assert daemon.wait_for("sync")["staged"] > 0
        second = daemon.wait_for("cycle")
        assert second["now"] > first["now"]

        assert daemon.stop() < STOPS_WITHIN_SECONDS
        assert daemon.process.returncode == 0
        last = daemon.wait_for("stop")
        assert (last["signal"], last["cycle_ended"]) == ("SIGTERM", True)


def test_it_stops_in_the_middle_of_a_backoff(desk: Desk) -> None:
    desk.trouble(FaultKind.ERROR_503, "stripe.meter_events.create")
    with daemon_of(desk) as daemon:
        daemon.wait_for("start")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not desk.sandbox.faults.struck and time.monotonic() < deadline:
            time.sleep(0.05)
        assert daemon.stop(signal.SIGINT) < STOPS_WITHIN_SECONDS
        assert daemon.process.returncode == 0
        assert daemon.wait_for("stop")["signal"] == "SIGINT"
    desk.sandbox.faults.replace_all([])
    # What was unanswered is pending, and the next run takes it up.
    assert desk.json("status")["rows"]["failed"] == 0
    assert desk.json("run")["sync"]["clean"]


def test_it_outlives_a_sandbox_that_fails_and_comes_back(desk: Desk) -> None:
    down = Fault(kind=FaultKind.UNAUTHORIZED, endpoint="pamela.*")
    desk.sandbox.faults.replace_all([down])
    with daemon_of(desk) as daemon:
        cycle = daemon.wait_for("cycle")
        assert (cycle["failed"], cycle["level"]) == (True, "error")
        assert any("refused" in entry.get("error", "") for entry in daemon.seen)
        desk.sandbox.faults.replace_all([])
        desk.settle()
        cycle = daemon.wait_for("cycle")
        assert (cycle["failed"], cycle["level"]) == (False, "info")
        assert daemon.stop() < STOPS_WITHIN_SECONDS


def test_it_does_not_wait_for_a_request_that_hangs(desk: Desk) -> None:
    desk.sandbox.faults.replace_all(
        [Fault(kind=FaultKind.LATENCY, endpoint="pamela.calls.list", detail="25000")]
    )
    with daemon_of(desk) as daemon:
        daemon.wait_for("start")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not desk.sandbox.faults.struck and time.monotonic() < deadline:
            time.sleep(0.05)
        assert daemon.stop() < STOPS_WITHIN_SECONDS
        assert daemon.process.returncode == 0
        assert daemon.wait_for("stop")["cycle_ended"] is False
    desk.sandbox.faults.replace_all([])
    assert desk.json("run")["failed"] is False
