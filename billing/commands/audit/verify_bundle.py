"""`verify`: an audit bundle is verified, as its own verify.py does it."""

from pathlib import Path

import click

from billing.commands.display import say
from billing.commands.options import json_option, show_json
from billing.verifier.program import examine

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("bundle", type=FILE, help="The file that `export audit PERIOD` wrote.")
@click.option(
    "--consistent-with",
    "older",
    type=FILE,
    metavar="OLDER",
    help="Also show that this older bundle was only added to.",
)
@click.option(
    "--call", "call_id", metavar="ID", help="Also print what proves one call."
)
@click.option(
    "--key",
    metavar="FINGERPRINT",
    help="Accept this key only [default: the bundle's].",
)
@json_option
def verify(
    bundle: Path,
    older: Path | None,
    call_id: str | None,
    key: str | None,
    as_json: bool,
) -> int:
    """Verify an audit bundle: PASS, or the first bad record and why.

    No settings, ledger or network are needed. Exit codes: 0 PASS, 1 a bad record, 2
    nothing could be verified.
    """
    code, document, lines = examine(bundle, older=older, key=key, call_id=call_id)
    if as_json:
        show_json(document)
        return code
    for line in lines:
        say(line)
    return code
