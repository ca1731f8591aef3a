"""A campaign: so many alterations, by seed, and what the verifier says of each."""

import random
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from billing.verifier.findings import BadRecord
from billing.verifier.verification import verify_bundle
from tests.tamper.alterations import PLAIN
from tests.tamper.bundles import Files, Original, pack, packed
from tests.tamper.clever import CLEVER, FORGED, REWRITTEN, forged, rewritten
from tests.tamper.zip_tricks import ZIP_TRICKS

CUT = "zip file cut"
KINDS = [*PLAIN, CUT, *ZIP_TRICKS, *CLEVER, FORGED, REWRITTEN]


class Trial(NamedTuple):
    """One alteration: of which kind, and what was said; None when it passed."""

    kind: str
    seed: str
    failure: str | None


def campaign(
    originals: list[Original], folder: Path, *, alterations: int, seed: int
) -> Iterator[Trial]:
    """Alter bundles, every kind in turn, and verify each."""
    path = folder / "altered.zip"
    for number in range(alterations):
        kind = KINDS[number % len(KINDS)]
        name = f"{seed}/{number}"
        chance = random.Random(name)
        original = chance.choice(originals)
        yield Trial(kind, name, _try(chance, kind, original, path))


def _try(
    chance: random.Random, kind: str, original: Original, path: Path
) -> str | None:
    if kind == CUT:
        whole = packed(original.files)
        path.write_bytes(whole[: chance.randrange(len(whole))])
        return failure_of(path)
    if kind in ZIP_TRICKS:
        path.write_bytes(ZIP_TRICKS[kind](packed(original.files)))
        return failure_of(path)
    if kind == FORGED:
        pack(forged(chance, original), path)
        if failure_of(path) is not None:
            raise AssertionError(f"a forgery is not clever enough: {failure_of(path)}")
        return failure_of(path, key=original.key.fingerprint)
    if kind == REWRITTEN:
        pack(rewritten(chance, original), path)
        older = pack(original.older, path.with_name("older.zip"))
        if failure_of(path) is not None:
            raise AssertionError(
                f"a rewriting is not clever enough: {failure_of(path)}"
            )
        return failure_of(path, older=older)
    altered = _altered(chance, kind, original)
    return failure_of(pack(altered, path))


def _altered(chance: random.Random, kind: str, original: Original) -> Files:
    """Alter a bundle, again where chance put in what was there before."""
    alter = {**PLAIN, **CLEVER}[kind]
    while (altered := alter(chance, original)) == original.files:
        continue
    return altered


def failure_of(
    path: Path, *, key: str | None = None, older: Path | None = None
) -> str | None:
    """Return the first fault of a bundle, or None for one that passes."""
    try:
        verify_bundle(path, key=key, older=older)
    except BadRecord as bad:
        return str(bad)
    return None


def false_alarms(originals: list[Original], folder: Path) -> list[str]:
    """Verify valid bundles, as they are and packed in other ways."""
    alarms = []
    for original in originals:
        shuffled = dict(sorted(original.files.items(), reverse=True))
        older = pack(original.older, folder / "older.zip")
        for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
            path = pack(shuffled, folder / "valid.zip", method)
            for chain in (None, older):
                key = original.key.fingerprint
                failure = failure_of(path, key=key, older=chain)
                alarms += [] if failure is None else [f"{original.name}: {failure}"]
        unpacked = folder / original.name
        for name, content in original.files.items():
            file = unpacked / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        failure = failure_of(unpacked)
        alarms += [] if failure is None else [f"{original.name}, unpacked: {failure}"]
    return alarms


def counted(trials: list[Trial]) -> list[tuple[str, int, int]]:
    """Return (kind, alterations, rejected) in the order of the kinds."""
    every = Counter(trial.kind for trial in trials)
    rejected = Counter(trial.kind for trial in trials if trial.failure is not None)
    return [(kind, every[kind], rejected[kind]) for kind in KINDS if every[kind]]
