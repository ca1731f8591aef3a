"""The verification: everything that is checked, in order, over lines from anywhere."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from billing.verifier.bundle_names import SEAL
from billing.verifier.call_history import read_calls, read_decisions
from billing.verifier.calls import Rating
from billing.verifier.chain import Chain, follow_chain
from billing.verifier.claims import Month, check_claims, read_month
from billing.verifier.closes import Closes
from billing.verifier.containers import BundleLines, Container, open_container
from billing.verifier.covers import Months
from billing.verifier.entries import compare_entries, load_bindings
from billing.verifier.findings import NONSENSE, BadRecord, Unreadable
from billing.verifier.keys import check_heads
from billing.verifier.loading import RowLoader
from billing.verifier.manifest import Manifest, check_files, read_manifest
from billing.verifier.meter import check_meter
from billing.verifier.prices import PriceList
from billing.verifier.proof import prove_call
from billing.verifier.readme import check_readme
from billing.verifier.rows import LineSource
from billing.verifier.shapes import EVENTS
from billing.verifier.workspace import open_workspace


class BundleSummary(NamedTuple):
    """What was shown of a source: its chain, its keys, and what was rated again."""

    chain: Mapping[str, Any]
    keys: list[str]
    calls: int
    usage_rows: int


class Verification(NamedTuple):
    """What was shown of a bundle, and of one call where it was asked for."""

    manifest: Manifest
    left: list[str]  # files that lie there and are no part of the bundle
    shown: BundleSummary
    month: Month
    older_events: int | None
    proof: tuple[str, ...]


def verify_lines(
    source: LineSource,
    work: sqlite3.Connection,
    months: Months,
    asked: str | None = None,
) -> BundleSummary:
    """Check lines that have no manifest; raises BadRecord at the first fault."""
    chain = follow_chain(source, work)
    heads, head = check_heads(source, work, chain.keys)
    loader = RowLoader(source, work, chain, months, asked)
    loader.load_all()
    load_bindings(source, work)
    compare_entries(work, months)
    chain.states.check()
    prices = PriceList(work)
    calls, rows_rated = loader.keep_apart()
    closes = loader.pairs.closes if loader.pairs else Closes(work, prices)
    rating = Rating(prices, months, closes.closed, read_decisions(work))
    for revisions, rows in read_calls(work):
        if rating.concerns(revisions, rows):
            rating.check(revisions, rows)
            closes.add(revisions, rows)
            calls += 1
            rows_rated += len(rows)
    closes.finish([period for period in closes.closed if period in months])
    check_meter(work, months)
    end = {"events": chain.events, "hash": chain.hash, "heads": heads, "head": head}
    return BundleSummary(end, chain.keys.fingerprints, calls, rows_rated)


def verify_in_workspace(
    source: LineSource, months: Months, asked: str | None = None
) -> BundleSummary:
    """Check a source of lines that has no manifest; raises BadRecord, Unreadable."""
    try:
        with open_workspace() as work:
            return verify_lines(source, work, months, asked)
    except sqlite3.OperationalError as fault:
        raise out_of_room(fault) from None


def verify_bundle(
    path: Path,
    *,
    older: Path | None = None,
    key: str | None = None,
    call_id: str | None = None,
) -> Verification:
    """Verify a bundle; raises BadRecord for the first one, Unreadable for none."""
    try:
        with closing(open_container(path)) as container, open_workspace() as work:
            return _verify(container, work, older=older, key=key, call_id=call_id)
    except NONSENSE as fault:
        raise BadRecord(path.name, f"it makes no sense ({fault!r:.80})") from None
    except sqlite3.OperationalError as fault:
        raise out_of_room(fault) from None


def _verify(
    container: Container,
    work: sqlite3.Connection,
    *,
    older: Path | None,
    key: str | None,
    call_id: str | None,
) -> Verification:
    manifest = read_manifest(container, key)
    check_files(container, manifest)
    source = BundleLines(container)
    shown = verify_lines(source, work, Months(manifest.period), call_id)
    if manifest.key not in shown.keys:
        raise BadRecord(SEAL, f"the key {manifest.key} is not in the chain")
    month = read_month(work, manifest.period)
    check_claims(manifest, month, shown.chain)
    check_readme(container, manifest, month)
    events = None if older is None else _check_extends(older, work)
    proof = () if call_id is None else prove_call(source, work, call_id)
    return Verification(
        manifest=manifest,
        left=container.left,
        shown=shown,
        month=month,
        older_events=events,
        proof=tuple(proof),
    )


def out_of_room(fault: sqlite3.OperationalError) -> BadRecord | Unreadable:
    """Return what a failure of the temporary database means."""
    if "overflow" in str(fault):
        return BadRecord("b2b_usage", "its rows add up to more than 64 bits hold")
    where = "in the folder for temporary files (TMPDIR)"
    return Unreadable(f"{fault}; make room {where}, then verify again")


def _check_extends(older: Path, work: sqlite3.Connection) -> int:
    """Check that the chain of an older bundle is a beginning of this one's."""
    chain = _follow_older(older)
    query = "SELECT hash FROM event WHERE sequence = ?"
    row = work.execute(query, (chain.events,)).fetchone()
    if row is None:
        why = f"the chain ends before event {chain.events}, which {older.name} has"
        raise BadRecord(EVENTS, why)
    if row[0] != chain.hash:
        why = f"event {chain.events} is another than in {older.name}: not extended only"
        raise BadRecord(EVENTS, why)
    return chain.events


def _follow_older(older: Path) -> Chain:
    """Return the chain of an older bundle; whatever is wrong in it is said of it."""
    try:
        return _read_older(older)
    except BadRecord as bad:
        where = f"the older bundle {older.name}, {bad.where}"
        raise BadRecord(where, bad.why) from None


def _read_older(older: Path) -> Chain:
    with closing(open_container(older)) as container, open_workspace() as past:
        earlier = read_manifest(container)
        check_files(container, earlier)
        chain = follow_chain(BundleLines(container), past)
    if earlier.key not in chain.keys.fingerprints:
        raise BadRecord(SEAL, f"the key {earlier.key} is not in its chain")
    return chain
