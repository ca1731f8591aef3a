"""Bundles to tamper with: their files in memory, and how they are packed again."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from billing.reports.audit.writing import write_bundle
from billing.verifier.bundle_names import MANIFEST, SEAL
from tests.verifier.paper import Paper
from tests.verifier.signing import TestKey
from tests.verifier.stories import ledger_on_paper, manifest_claims

Files = Mapping[str, bytes]


class Original(NamedTuple):
    """A valid bundle: its files, the key that signed it, and an older one."""

    name: str
    files: Files
    key: TestKey
    older: Files


def read_files(path: Path) -> Files:
    """Read all files of a bundle."""
    with zipfile.ZipFile(path) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def pack(files: Files, path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Pack files into a zip file."""
    path.write_bytes(packed(files, method))
    return path


def packed(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return files as a zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method, compresslevel=9) as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return stream.getvalue()


def write_paper(paper: Paper, path: Path) -> Path:
    """Write the bundle of a ledger on paper."""
    write_bundle(path, paper, manifest_claims(paper), paper.key)
    return path


def originals(folder: Path, seeds: int = 4) -> list[Original]:
    """Make valid bundles of several ledgers: months open, closed, and long closed."""
    bundles = []
    for seed in range(1, seeds + 1):
        # All of an insider's alterations are to concern the month itself.
        paper = ledger_on_paper(seed, closed=seed % 2 == 0, after=False)
        path = write_paper(paper, folder / f"{seed}.zip")
        older = _beginning(seed, folder / f"{seed}-older.zip")
        bundles.append(Original(f"ledger {seed}", read_files(path), paper.key, older))
    return bundles


def _beginning(seed: int, path: Path) -> Files:
    """Make the bundle of the same ledger before its last event."""
    paper = ledger_on_paper(seed, closed=False, after=False)
    del paper.heads[-1]
    return read_files(write_paper(paper, path))


def repair(files: Files, key: TestKey | None = None) -> Files:
    """Name the files in the manifest as they are now; sign it anew with a key."""
    manifest = json.loads(files[MANIFEST])
    for name in manifest["files"]:
        if name in files:
            manifest["files"][name] = {
                "bytes": len(files[name]),
                "lines": files[name].count(b"\n"),
                "sha256": sha256(files[name]).hexdigest(),
            }
    return sign(files, manifest, key)


def sign(files: Files, manifest: Mapping[str, Any], key: TestKey | None) -> Files:
    """Put another manifest into a bundle, signed by a key if there is one."""
    document = dict(manifest)
    if key is not None:
        document |= {"key": key.fingerprint, "public_key": key.public_key.hex()}
    raw = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    changed = {**files, MANIFEST: raw.encode()}
    if key is not None:
        changed[SEAL] = f"{key.sign(raw.encode()).hex()}\n".encode()
    return changed


Change = Callable[[bytes], bytes]
