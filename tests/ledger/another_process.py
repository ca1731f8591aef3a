"""Another process that holds a ledger, and a subject of it, until it is ended."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from billing.ledger.database import open_ledger
from billing.ledger.locking.locks import exclusive_process, try_lock

url, subject = sys.argv[1:]
ledger = open_ledger(url)
with exclusive_process(ledger), try_lock(ledger, subject) as held:
    print(held is not None, flush=True)
    sys.stdin.read()
"""
PATIENCE = 30


@contextmanager
def another_process(url: str, subject: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a process that holds the ledger and a subject until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, subject],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()
