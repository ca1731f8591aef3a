"""The takeover: `adopt` in a process of its own, killed in the middle, then again."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import sleep

from billing.demo.stage import DemoFailed
from billing.demo.world import World
from billing.offline import OfflineLedger, opened_ledger
from billing.reports.parity.shadow_status import read_shadow_status

# Each reading of the meter takes so long that a kill falls between two customers.
SLOW = {"kind": "latency", "endpoint": "stripe.event_summaries.list", "detail": "400"}
LOOK_EVERY_SECONDS = 0.05
LONGEST_SECONDS = 60
REASON = "the other program was stopped, and parity has held"


def start(settings_file: Path, from_hour: datetime) -> subprocess.Popen[bytes]:
    """Start `pamela-billing adopt` in a process of its own."""
    hour = f"{from_hour:%Y-%m-%dT%H:%MZ}"
    line = ["adopt", "--from", hour, "--stopped-at", hour, "--reason", REASON]
    settings = ["--settings", str(settings_file)]
    return subprocess.Popen(  # noqa: S603 # our own program, with words of ours
        [sys.executable, "-m", "billing", *line, *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_half_way(world: World, settings_file: Path, from_hour: datetime) -> int:
    """Kill a takeover once it has some customers; returns how many it had."""
    with opened_ledger(settings_file) as opened:
        all_of_them = len(_in_shadow(opened))
        world.trouble([SLOW])
        adopting = start(settings_file, from_hour)
        while len(_in_shadow(opened)) == all_of_them and adopting.poll() is None:
            sleep(LOOK_EVERY_SECONDS)
        adopting.kill()
        adopting.wait(LONGEST_SECONDS)
        world.trouble([])
        return all_of_them - len(_in_shadow(opened))


def finish(settings_file: Path, from_hour: datetime) -> None:
    """Type the same once more; raises DemoFailed unless everybody is taken over."""
    code = start(settings_file, from_hour).wait(LONGEST_SECONDS)
    with opened_ledger(settings_file) as opened:
        left = _in_shadow(opened)
    if code or left:
        raise DemoFailed(f"`adopt` ended with {code} when it was run again")


def _in_shadow(opened: OfflineLedger) -> Sequence[str]:
    """Return whose meter is not taken over yet."""
    return read_shadow_status(opened.ledger, opened.shadow, []).customers
