"""`export audit`: a month with all its evidence, in one file that proves itself."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from billing.commands.display import say
from billing.commands.options import CLEAN, PERIOD, common_options, person, show_json
from billing.domain.period import BillingPeriod
from billing.offline import opened_ledger, signing_key
from billing.reports.audit.bundle import Export, export_bundle


@click.command()
@click.argument("period", type=PERIOD)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file or a folder; audit-PERIOD.zip here unless it is given.",
)
@common_options
def audit(
    settings_file: Path, as_json: bool, period: BillingPeriod, output: Path | None
) -> int:
    """Write the audit bundle of a month: evidence, trail, totals and a verifier.

    An auditor verifies it with Python alone, or you do: `pamela-billing verify FILE`.
    A month that is not closed is provisional, and marked so.
    """
    name = f"audit-{period}.zip"
    target = Path(name) if output is None else output
    if target.is_dir():
        target /= name
    signer = signing_key(settings_file)
    with opened_ledger(settings_file) as books:
        code, words = version("pamela-billing"), {"period": str(period)}
        asked = Export(
            period=period,
            run_by=person(),
            run_at=books.now,
            code_version=code,
            parameters=words,
        )
        manifest = export_bundle(books.ledger, target, asked, signer)
    if as_json:
        show_json({"file": str(target), "manifest": dict(manifest)})
        return CLEAN
    for line in _lines(target, manifest):
        say(line)
    return CLEAN


def _lines(target: Path, manifest: Any) -> list[str]:
    rows = sum(one["rows"] for one in manifest["totals"])
    events, key = manifest["chain"]["events"], manifest["key"]
    held = f"{rows:,} rows of usage, {events:,} audit events"
    lines = [f"{target}: {held}, signed by the key {key}."]
    if manifest["provisional"]:
        month = manifest["period"]
        lines.append(f"{month} is not closed: the bundle is marked provisional.")
    return lines
