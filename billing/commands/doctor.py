"""`doctor`: what is wrong with the set-up, and what to do about it."""

from dataclasses import asdict
from pathlib import Path

import click

from billing.commands.display import say, show_table
from billing.commands.options import CLEAN, FAILED, common_options, show_json
from billing.installation.doctor import doctor_checks


@click.command()
@common_options
def doctor(settings_file: Path, as_json: bool) -> int:
    """Check keys, reachability, mode, meter, customers, invoices, ledger and clock.

    Nothing is changed or sent. ✗ is a fault, ! is worth a word: minutes are counted
    rightly, and perhaps invoiced otherwise than you think. While a fault of the meter
    stands, `sync` refuses to send.
    """
    checks = doctor_checks(settings_file)
    healthy = all(check.passed for check in checks)
    if as_json:
        show_json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
        return CLEAN if healthy else FAILED
    lines = [[check.mark, check.name, check.found] for check in checks]
    show_table(["", "check", "found"], lines)
    for check in checks:
        if check.remedy:
            say(f"{check.mark} {check.name}: {check.remedy}.")
    return CLEAN if healthy else FAILED
