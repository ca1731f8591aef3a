"""The program: arguments in, PASS or the first bad record out."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from billing.verifier.findings import BadRecord, Unreadable
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
    text = json.dumps(document, indent=2) if options.json else "\n".join(lines)
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
    except (Unreadable, OSError) as fault:
        document = {"verdict": "UNREADABLE", "why": str(fault)}
        return UNUSABLE, document, [f"Nothing was verified: {fault}"]
    document = {"verdict": "PASS", **_document(verdict, trusted=key is not None)}
    return PASSED, document, list(_lines(verdict, bundle.name, trusted=key is not None))


def _document(verdict: Verification, *, trusted: bool) -> dict[str, Any]:
    manifest = verdict.manifest.document
    return {
        "period": verdict.manifest.period,
        "provisional": manifest["provisional"],
        "key": verdict.manifest.key,
        "key_is_the_trusted_one": trusted,
        "chain": verdict.shown.chain,
        "keys": verdict.shown.keys,
        "calls": verdict.shown.calls,
        "usage_rows": verdict.shown.usage_rows,
        "totals": verdict.totals,
        "close": manifest["close"],
        "reconciliation": manifest["reconciliation"],
        "extends_events": verdict.older_events,
        "proof": list(verdict.proof),
    }


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if abs(number) == 1 else f"{number:,} {what}s"


def _lines(verdict: Verification, name: str, *, trusted: bool) -> list[str]:
    manifest, shown = verdict.manifest.document, verdict.shown
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
    for total in verdict.totals:
        amount = money(total["amount_micro"], total["currency"])
        rows = _counted(total["rows"], "row")
        minutes = _counted(total["minutes"], "minute")
        customers = _counted(total["customers"], "customer")
        lines.append(f"  total: {rows}, {minutes}, {amount}, {customers}")
    closed = manifest["close"]
    lines.append(
        f"  the month is frozen under the digest {closed['digest']}"
        if closed
        else "  PROVISIONAL: the month is not closed, its figures may still change"
    )
    run = manifest["reconciliation"]
    if run:
        difference = _counted(run["difference_minutes"], "minute")
        still_open = _counted(len(run["open_items"]), "item")
        lines.append(
            f"  reconciliation {run['run']}: Stripe less Pamela is {difference}; "
            f"{still_open} open"
        )
    else:
        lines.append("  the month was never reconciled")
    if verdict.older_events is not None:
        lines.append(
            f"  the older bundle's {verdict.older_events:,} audit events are the "
            "beginning of this chain"
        )
    if not trusted:
        lines.append(
            "  whose key that is, no bundle can show: compare it with the fingerprint "
            "that you were given, or give it with --key"
        )
    return [*lines, *verdict.proof]


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
