"""The program: arguments in, PASS or the first bad record out."""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from billing.verifier.bundle_names import PROGRAM
from billing.verifier.claims import Month
from billing.verifier.findings import BadRecord, Unreadable, printable
from billing.verifier.proof import money
from billing.verifier.verification import Verification, verify_bundle

PASSED, FAILED, UNUSABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the command line names; returns the exit code."""
    options = _parser().parse_args(arguments)
    code, document, lines = report_verification(
        options.bundle,
        older=options.consistent_with,
        key=options.key,
        call_id=options.call,
    )
    lines = [printable(line) for line in lines]
    text = json.dumps(document, indent=2) if options.json else "\n".join(lines)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal or a file of another encoding has no sign for is an escape.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)  # noqa: T201 # a program of its own
    except BrokenPipeError:
        # Whoever read our output has had enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def report_verification(
    bundle: Path,
    *,
    older: Path | None = None,
    key: str | None = None,
    call_id: str | None = None,
) -> tuple[int, dict[str, Any], list[str]]:
    """Verify a bundle; returns exit code, the answer as a document and as lines."""
    try:
        verdict = verify_bundle(bundle, older=older, key=key, call_id=call_id)
    except BadRecord as bad:
        document = {"verdict": "FAIL", "where": bad.where, "why": bad.why}
        return FAILED, document, [f"FAIL  {bad}"]
    except (Unreadable, OSError, MemoryError) as fault:
        why = str(fault) or "the memory of this machine is too small for it"
        document = {"verdict": "UNREADABLE", "why": why}
        return UNUSABLE, document, [f"Nothing was verified: {why}"]
    document = {"verdict": "PASS", **_document(verdict, trusted=key is not None)}
    return PASSED, document, list(_lines(verdict, bundle.name, trusted=key is not None))


def _document(verdict: Verification, *, trusted: bool) -> dict[str, Any]:
    month, run = verdict.month, verdict.month.reconciliation
    return {
        "period": verdict.manifest.period,
        "provisional": month.close is None,
        "key": verdict.manifest.key,
        "key_is_the_trusted_one": trusted,
        "chain": verdict.shown.chain,
        "keys": verdict.shown.keys,
        "calls": verdict.shown.calls,
        "usage_rows": verdict.shown.usage_rows,
        "totals": month.totals,
        "close": month.close,
        "reconciliation": run and {**run, "open_items": month.unresolved},
        "verifier_sha256": verdict.manifest.files[PROGRAM]["sha256"],
        "not_part_of_the_bundle": verdict.left,
        "extends_events": verdict.older_events,
        "proof": list(verdict.proof),
    }


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if abs(number) == 1 else f"{number:,} {what}s"


def _lines(verdict: Verification, name: str, *, trusted: bool) -> list[str]:
    month, shown = verdict.month, verdict.shown
    chain = shown.chain
    seal = f"it is signed by the key {verdict.manifest.key}"
    events = f"{_counted(chain['events'], 'audit event')} without a gap"
    heads = _counted(chain["heads"], "signed head")
    rated = f"{_counted(shown.usage_rows, 'row')} of usage rated again"
    lines = [
        f"PASS  {name}, {verdict.manifest.period}",
        f"  {len(verdict.manifest.files)} files are as the manifest says; {seal}",
        f"  {events}, {heads}; its end is {chain['hash']}",
        f"  {rated} from {_counted(shown.calls, 'call')}",
    ]
    for total in month.totals:
        amount = money(total["amount_micro"], total["currency"])
        rows = _counted(total["rows"], "row")
        minutes = _counted(total["minutes"], "minute")
        customers = _counted(total["customers"], "customer")
        lines.append(f"  total: {rows}, {minutes}, {amount}, {customers}")
    lines.append(
        f"  the month is frozen under the digest {month.close['digest']}"
        if month.close
        else "  PROVISIONAL: the month is not closed, its figures may still change"
    )
    lines.append(f"  {_reconciled(month)}")
    if verdict.older_events is not None:
        lines.append(
            f"  the older bundle's {verdict.older_events:,} audit events are the "
            "beginning of this chain"
        )
    if verdict.left:
        lines.append(f"  not part of the bundle: {', '.join(verdict.left)}")
    sha256 = verdict.manifest.files[PROGRAM]["sha256"]
    lines.append(f"  the verify.py inside has the SHA-256 {sha256}")
    if not trusted:
        lines.append(
            "  whose key that is, no bundle can show: compare it with the fingerprint "
            "that you were given, or give it with --key"
        )
    return [*lines, *verdict.proof]


def _reconciled(month: Month) -> str:
    run, still_open = month.reconciliation, len(month.open_items)
    if run is None:
        return "the month was never reconciled"
    difference = _counted(run["difference_minutes"], "minute")
    known = len(month.unresolved) - still_open
    acknowledged = f", {known:,} acknowledged" if known else ""
    return (
        f"reconciliation {run['run']}: Stripe less Pamela is {difference}; "
        f"{_counted(still_open, 'item')} open{acknowledged}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Verify an audit bundle: PASS, or the first bad record and why.",
        epilog="Exit codes: 0 PASS, 1 a bad record, 2 nothing could be verified.",
    )
    here = Path(sys.argv[0]).resolve().parent
    parser.add_argument(
        "bundle",
        nargs="?",
        type=Path,
        default=here,
        help="a zip file, or the folder it was unpacked into (default: where this is)",
    )
    parser.add_argument(
        "--consistent-with",
        type=Path,
        metavar="OLDER",
        help="also show that an older bundle was only extended",
    )
    parser.add_argument("--call", metavar="ID", help="also print what proves one call")
    parser.add_argument(
        "--key", metavar="FINGERPRINT", help="the key that you trust, and no other"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    return parser
