"""`export audit`: a month with all its evidence, in one file that proves itself."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from billing.commands.display import say
from billing.commands.options import (
    CLEAN,
    common_options,
    person,
    required_period,
    show_json,
)
from billing.domain.period import Month
from billing.offline import opened_ledger, signing_key
from billing.reports.audit.bundle import Export, export_bundle
from billing.verifier.bundle_names import PROGRAM


@click.command()
@required_period
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file or folder [default: ./audit-PERIOD.zip].",
)
@common_options
def audit(
    settings_file: Path, as_json: bool, period: Month, output: Path | None
) -> int:
    """Write the audit bundle of a month: evidence, trail, totals and a verifier.

    An auditor verifies it with Python alone, or you do: `pamela-billing verify FILE`.
    A month that is not closed is provisional, and marked so.
    """
    signer = signing_key(settings_file)
    with opened_ledger(settings_file) as books:
        month = books.readable_period(period)
        target = output or Path()
        if target.is_dir():
            target /= f"audit-{month}.zip"
        export = Export(
            period=month,
            run_by=person(),
            run_at=books.now,
            code_version=version("pamela-billing"),
            parameters={"period": str(month)},
        )
        manifest = export_bundle(books.ledger, target, export, signer)
    if as_json:
        show_json({"file": str(target), "manifest": dict(manifest)})
        return CLEAN
    for line in _lines(target, manifest):
        say(line)
    return CLEAN


def _lines(target: Path, manifest: Any) -> list[str]:
    rows = sum(total["rows"] for total in manifest["totals"])
    events, key = manifest["chain"]["events"], manifest["key"]
    held = f"{rows:,} rows of usage, {events:,} audit events"
    sha256 = manifest["files"][PROGRAM]["sha256"]
    lines = [
        f"{target}: {held}, signed by the key {key}.",
        f"Its {PROGRAM} has the SHA-256 {sha256}.",
        "Tell whoever verifies it both on another way than with the file.",
    ]
    if manifest["provisional"]:
        month = manifest["period"]
        lines.append(f"{month} is not closed: the bundle is marked provisional.")
    return lines
