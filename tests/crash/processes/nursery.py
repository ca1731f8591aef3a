"""The nursery: a process that has everything loaded, and forks victims on request."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.crash.processes.victim import Life, live, run

PATIENCE_SECONDS = 60
LOOK_EVERY_SECONDS = 0.002
STOPPED = "T"
ROOT = Path(__file__).parents[3]


class Victim:
    """A process that lives a life; only the nursery can ask how it ended."""

    def __init__(self, pid: int, life: Life, ask: Callable[..., Any]) -> None:
        self.pid = pid
        self.life = life
        self._ask = ask
        self.exit_code: int | None = None

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return Path(self.life.output).read_text()

    def ended(self) -> bool:
        """Say whether it has ended; then `exit_code` is known."""
        if self.exit_code is None:
            self.exit_code = self._ask(poll=self.pid)
        return self.exit_code is not None

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal."""
        if not self.ended():
            os.kill(self.pid, sign)

    def wait(self) -> int:
        """Wait for its end; return its exit code, less than 0 for a signal."""
        self.wait_until(lambda: False, "the end")
        assert self.exit_code is not None
        return self.exit_code

    def wait_until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait until something is so, or until it has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached() and not self.ended():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(f"waited for {what}: {self.life}\n{self.output}")
            time.sleep(LOOK_EVERY_SECONDS)

    def wait_until_stopped(self) -> None:
        """Wait until a SIGSTOP has reached it."""
        stat = Path(f"/proc/{self.pid}/stat")
        self.wait_until(
            lambda: stat.read_text().rpartition(") ")[2][0] == STOPPED, "the stop"
        )
        assert not self.ended(), self.output


class Nursery:
    """The other end of the nursery's pipe; leave the block and all of it is gone."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.processes.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def warm_up(self, life: Life) -> None:
        """Let the nursery live a life itself, so that no victim loads what it needs."""
        Path(life.output).write_text("")
        self._ask(live=asdict(life))

    def bear(self, life: Life) -> Victim:
        """Let a victim live."""
        Path(life.output).write_text("")
        return Victim(self._ask(bear=asdict(life)), life, self._ask)

    def _ask(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Do as ordered on standard input; at its end kill whoever is still alive."""
    alive: set[int] = set()
    answer: int | None
    for line in sys.stdin:
        match json.loads(line):
            case {"live": dict(life)}:
                answer = _warm_up(Life(**life))
            case {"bear": dict(life)}:
                answer = _bear(Life(**life))
                alive.add(answer)
            case {"poll": int(pid)}:
                answer = _poll(pid)
                alive -= {pid} if answer is not None else set()
        print(json.dumps(answer), flush=True)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _warm_up(life: Life) -> int:
    """Run a command here; it has closed all it opened once it returns."""
    with open(life.output, "w") as output, redirect_stdout(output):
        code = run(life)
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, "a fork would tear a thread apart"
    return code


def _bear(life: Life) -> int:
    pid = os.fork()
    if not pid:
        live(life)
    return pid


def _poll(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    serve()
