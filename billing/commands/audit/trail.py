"""`audit`: the trail of who did what, its signed heads, its key, and a restore."""

import hashlib
from pathlib import Path

import click

from billing.app import opened_app
from billing.commands.display import complain, mark, say, show_table
from billing.commands.options import (
    CLEAN,
    FAILED,
    WORDS,
    acting,
    common_options,
    json_option,
    show_json,
)
from billing.files.atomic_file import replace_file
from billing.installation.trail_key import accept_restored, rotate
from billing.offline import ensure_key, opened_ledger, restored_ledger
from billing.pipeline.signing import sign_news
from billing.reports.sheets.formatting import format_time
from billing.reports.status.audit_trail import read_heads, read_trail
from billing.reports.status.moves import read_move
from billing.verifier.bundle_names import PROGRAM
from billing.verifier.single_file import program


@click.group()
def audit() -> None:
    """Show the audit trail; look after its key and its signed heads."""


@audit.command()
@click.option(
    "--last",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many events.",
)
@click.option(
    "--action", help="Only events whose action begins so, such as event. [default: all]"
)
@common_options
def trail(settings_file: Path, as_json: bool, last: int, action: str | None) -> int:
    """List who did what, when and why; the newest last."""
    with opened_ledger(settings_file) as opened:
        entries = read_trail(opened.ledger, last, action or "")
    if as_json:
        show_json({"events": [entry.document() for entry in entries]})
    else:
        headings = ["event", "at", "who", "did", "to", "why", "rows"]
        show_table(headings, [entry.line() for entry in entries])
    return CLEAN


@audit.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(PROGRAM),
    show_default=True,
    metavar="FILE",
    help="Write it to this file.",
)
@json_option
def verifier(output: Path, as_json: bool) -> int:
    """Write the program that verifies bundles, for whoever does not take theirs."""
    content = program()
    replace_file(output, content)
    sha256 = hashlib.sha256(content).hexdigest()
    if as_json:
        show_json({"file": str(output), "sha256": sha256})
    else:
        say(f"{output}: run it by `python -I {output} BUNDLE`; its SHA-256 is {sha256}")
    return CLEAN


@audit.command()
@common_options
def heads(settings_file: Path, as_json: bool) -> int:
    """Show the newest signed head, the key in force, and how the anchors stand."""
    with opened_ledger(settings_file) as opened:
        status = read_heads(opened.ledger)
        folder = settings_file.parent
        restored = restored_ledger(opened.settings, folder, opened.ledger)
        moved = read_move(opened.ledger)
    code = FAILED if status.failing or restored or moved else CLEAN
    if as_json:
        show_json({**status.document(), "restored": restored, "moved": moved})
        return code
    for sentence in filter(None, (moved, restored)):
        say(f"{mark(False)} {sentence}.")
    for sentence in status.sentences():
        say(sentence)
    if status.anchors:
        headings = ["anchor", "last signed head", "at", "what failed"]
        show_table(headings, status.lines(), title="Anchors")
    return code


@audit.command()
@common_options
def sign(settings_file: Path, as_json: bool) -> int:
    """Sign what is new and publish it now; makes the key if there is none."""
    ensure_key(settings_file)
    actor = acting("audit sign")
    with opened_app(settings_file, actor=actor) as app, app.exclusive():
        faults = sign_news(app.ledger, app.trail, actor, app.clock, anew=True)
        heads_status = read_heads(app.ledger)
    if as_json:
        show_json({"faults": [str(fault) for fault in faults]})
    for sentence in [] if as_json else heads_status.sentences():
        say(sentence)
    for fault in [] if as_json else faults:
        complain(f"pamela-billing: {fault}")
    return FAILED if faults else CLEAN


@audit.command()
@click.option(
    "--reason", type=WORDS, required=True, metavar="TEXT", help="Kept in the trail."
)
@common_options
def rotate_key(settings_file: Path, as_json: bool, reason: str) -> int:
    """Hand over to a new key, inside the chain; the old file is kept beside it."""
    key = rotate(settings_file, acting("audit rotate-key"), reason)
    if as_json:
        show_json({"key": key})
    else:
        say(f"The trail is signed with the key {key} from here on.")
    return CLEAN


@audit.command()
@click.option(
    "--reason", type=WORDS, required=True, metavar="TEXT", help="Kept in the trail."
)
@common_options
def accept_restore(settings_file: Path, as_json: bool, reason: str) -> int:
    """Accept a ledger that was restored from a backup.

    All that may have been sent since it was saved is read back from Stripe before it
    is sent again.
    """
    since = accept_restored(settings_file, acting("audit accept-restore"), reason)
    if as_json:
        show_json({"stands_at": format_time(since)})
    else:
        say(f"Accepted: the ledger stands at {since:%Y-%m-%dT%H:%M:%SZ}. Run it now.")
    return CLEAN
