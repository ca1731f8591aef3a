"""The manifest: what a bundle says it holds, who signed it, and whether it does."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from billing.verifier.bundle_names import MANIFEST, SEAL
from billing.verifier.containers import Container, read_chunks, read_whole
from billing.verifier.ed25519 import is_signed, is_weak
from billing.verifier.findings import BadRecord
from billing.verifier.shapes import MONTH, read_json

FORMAT = "pamela-billing audit bundle 4"
# Earlier formats have not the tables that came later, and list open items.
_READABLE = {FORMAT, *(f"pamela-billing audit bundle {n}" for n in (1, 2, 3))}
# So much is read before anybody is known to have signed it.
_LARGEST_MANIFEST, _LARGEST_SEAL = 2**20, 1_000
_NAMED_KEY = re.compile(rb'"public_key": ?"([0-9a-f]{64})"')
_PARTS_OF_MANIFEST: dict[str, type | tuple[type, ...]] = {
    "format": str,
    "period": str,
    "provisional": bool,
    "key": str,
    "public_key": str,
    "files": dict,
    "chain": dict,
    "totals": list,
    "close": (dict, type(None)),
    "reconciliation": (dict, type(None)),
    "run_by": str,
    "run_at": str,
    "code_version": str,
    "parameters": dict,
    "time_zone": str,
}


class Manifest(NamedTuple):
    """A manifest that was signed by the key that it names."""

    period: str
    key: str
    public_key: str
    files: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]


def fingerprint(public_key: bytes) -> str:
    """Return the name that a key goes by: the first half of its SHA-256."""
    return sha256(public_key).hexdigest()[:32]


def read_manifest(container: Container, trusted: str | None = None) -> Manifest:
    """Return the manifest, once its signature is right; raises BadRecord.

    Nothing of it is parsed before: who signs it, if not the key that is trusted?
    """
    raw = read_whole(container, MANIFEST, _LARGEST_MANIFEST)
    seal = read_whole(container, SEAL, _LARGEST_SEAL)
    signer = _signer(raw, seal, trusted)
    try:
        document = read_json(raw.rstrip())
    except (ValueError, RecursionError) as fault:
        raise BadRecord(MANIFEST, f"it is no JSON document ({fault})") from None
    if type(document) is not dict or document.keys() != _PARTS_OF_MANIFEST.keys():
        raise BadRecord(
            MANIFEST, f"it has not the parts {', '.join(_PARTS_OF_MANIFEST)}"
        )
    for name, kind in _PARTS_OF_MANIFEST.items():
        if not isinstance(document[name], kind):
            raise BadRecord(MANIFEST, f"its {name} is no such thing")
    if document["format"] not in _READABLE:
        raise BadRecord(MANIFEST, f"its format is not `{FORMAT}`")
    if not MONTH.fullmatch(document["period"]):
        raise BadRecord(MANIFEST, "its period is no month")
    key, public_key = document["key"], document["public_key"]
    if public_key != signer.hex():
        raise BadRecord(MANIFEST, "it names a key that did not sign it")
    if fingerprint(signer) != key:
        raise BadRecord(MANIFEST, "the key has another fingerprint than it names")
    return Manifest(
        period=document["period"],
        key=key,
        public_key=public_key,
        files=document["files"],
        document=document,
    )


def _signer(raw: bytes, seal: bytes, trusted: str | None) -> bytes:
    """Return the public key that signed these bytes; raises BadRecord."""
    named = _NAMED_KEY.findall(raw)
    if len(named) != 1:
        raise BadRecord(MANIFEST, "it does not name one public key")
    public_key = bytes.fromhex(named[0].decode())
    key = fingerprint(public_key)
    if trusted is not None and key != trusted.strip().lower():
        raise BadRecord(
            SEAL, f"it is signed by the key {key}, not by the one you trust"
        )
    if is_weak(public_key):
        raise BadRecord(SEAL, f"anybody can sign for the key {key}: its order is small")
    if not is_signed(public_key, raw, _signature(seal)):
        raise BadRecord(SEAL, f"it is no signature over {MANIFEST} by the key {key}")
    return public_key


def _signature(seal: bytes) -> bytes:
    try:
        text = seal.decode("ascii")
        if text != text.strip().lower() + "\n":
            raise ValueError("not one line of hex")
        return bytes.fromhex(text)
    except ValueError as fault:
        raise BadRecord(SEAL, f"it is no signature ({fault})") from None


def check_files(container: Container, manifest: Manifest) -> None:
    """Compare every file with the size, the lines and the SHA-256 in the manifest."""
    sealed = container.sizes.keys() - {MANIFEST, SEAL}
    if manifest.files.keys() != sealed:
        odd = min(manifest.files.keys() ^ sealed)
        raise BadRecord(MANIFEST, f"it names the wrong files, as for {odd[:80]!r}")
    for name in sorted(sealed):
        named = manifest.files[name]
        if type(named) is not dict or named.keys() != {"bytes", "lines", "sha256"}:
            raise BadRecord(MANIFEST, f"it says too little of {name}")
        if container.sizes[name] != named["bytes"]:
            sizes = f"{container.sizes[name]:,} bytes, not {named['bytes']!r:.20}"
            raise BadRecord(name, f"it has {sizes} as the manifest says")
    for name in sorted(sealed):
        _check_content(container, name, manifest.files[name])


def _check_content(container: Container, name: str, named: Mapping[str, Any]) -> None:
    hasher, lines, size = sha256(), 0, 0
    for chunk in read_chunks(container, name):
        hasher.update(chunk)
        lines += chunk.count(b"\n")
        size += len(chunk)
        if size > named["bytes"]:
            raise BadRecord(name, "it is longer than it says")
    if size != named["bytes"]:
        raise BadRecord(name, f"it ends after {size:,} of {named['bytes']:,} bytes")
    if hasher.hexdigest() != named["sha256"]:
        raise BadRecord(
            name, "its SHA-256 is not the one in the manifest: it was altered"
        )
    if lines != named["lines"]:
        raise BadRecord(
            name, f"it has {lines:,} lines, not as many as the manifest says"
        )
