"""`doctor`: what is wrong with the set-up, and what to do about it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from billing.commands.display import mark, say
from billing.commands.options import CLEAN, FAILED, common_options, show_json
from billing.errors import BadInput
from billing.installation.doctor import SETTINGS, doctor_checks
from billing.pipeline.doctor.checks import Check
from billing.reports.sheets.formatting import counted

# Checks of which there are many: what is well among them is only counted.
_FOLDED = {
    "law of ": "the ledger",
    "account ": "accounts",
    "clock, against ": "clocks",
    "customer ": "customers",
    "subscription of ": "subscriptions",
}


@click.command()
@common_options
def doctor(settings_file: Path, as_json: bool) -> int:
    """Check keys, reachability, mode, meter, customers, invoices, ledger and clock.

    Nothing is changed or sent. ✗ is a fault, ! is worth a word: minutes are counted
    rightly, and perhaps invoiced otherwise than you think. While a fault of the meter
    stands, `sync` refuses to send. Ends with 2 when the settings cannot be used.
    """
    checks = doctor_checks(settings_file)
    healthy = all(check.passed for check in checks)
    if as_json:
        show_json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    else:
        _show(checks)
    if any(check.name == SETTINGS and not check.passed for check in checks):
        return BadInput.exit_code
    return CLEAN if healthy else FAILED


def _show(checks: Iterable[Check]) -> None:
    """Say what is well in few lines, and last what is not, with what to do."""
    folded: Counter[str] = Counter()
    faults = []
    for check in checks:
        kind = _kind_of(check)
        if check.remedy or not check.passed:
            faults.append(check)
        elif kind:
            folded[kind] += 1
        else:
            say(f"{check.mark} {check.name}: {check.found}")
    for kind, count in folded.items():
        say(f"{mark(True)} {counted(count, 'check')} of {kind} passed")
    for check in faults:
        name = check.name.replace("law of ", "invariant of ")
        say(f"{check.mark} {name}: {check.found}")
        if check.remedy:
            say(f"  To do: {check.remedy}.")


def _kind_of(check: Check) -> str | None:
    for start, kind in _FOLDED.items():
        if check.name.startswith(start):
            return kind
    return None
