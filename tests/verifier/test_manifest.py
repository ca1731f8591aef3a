"""The manifest is believed once its signature is right, and then part by part."""

import json
from hashlib import sha256
from typing import Any

import pytest

from billing.verifier.bundle_names import MANIFEST, SEAL
from billing.verifier.findings import BadRecord
from billing.verifier.manifest import Manifest, check_files, read_manifest
from tests.verifier.in_memory import InMemory
from tests.verifier.signing import TestKey

KEY, OTHER = TestKey(1), TestKey(2)
ROWS = b'{"a":1}\n{"a":2}\n'
DOCUMENT: dict[str, Any] = {
    "format": "pamela-billing audit bundle 4",
    "period": "2026-03",
    "provisional": False,
    "key": KEY.fingerprint,
    "public_key": KEY.public_key.hex(),
    "files": {
        "rows.jsonl": {
            "bytes": len(ROWS),
            "lines": 2,
            "sha256": sha256(ROWS).hexdigest(),
        }
    },
    "chain": {},
    "totals": [],
    "close": None,
    "reconciliation": None,
    "run_by": "me",
    "run_at": "2026-04-01T00:00:00Z",
    "code_version": "1",
    "parameters": {},
    "time_zone": "UTC",
}


def bundle(document: object = None, rows: bytes = ROWS) -> InMemory:
    """Sign a document with the true key, beside some rows."""
    raw = json.dumps(DOCUMENT if document is None else document).encode()
    seal = KEY.sign(raw).hex().encode() + b"\n"
    return InMemory({MANIFEST: raw, SEAL: seal, "rows.jsonl": rows})


def with_(**parts: object) -> dict[str, object]:
    return DOCUMENT | parts


def without(part: str) -> dict[str, object]:
    return {name: value for name, value in DOCUMENT.items() if name != part}


def test_a_manifest_that_is_signed_is_what_it_says() -> None:
    manifest = read_manifest(bundle(), KEY.fingerprint.upper())
    assert (manifest.period, manifest.key) == ("2026-03", KEY.fingerprint)
    assert manifest.public_key == KEY.public_key.hex()
    check_files(bundle(), manifest)


@pytest.mark.parametrize("part", [name for name in DOCUMENT if name != "public_key"])
def test_a_manifest_without_a_part_is_none(part: str) -> None:
    with pytest.raises(BadRecord, match="it has not the parts format, period"):
        read_manifest(bundle(without(part)))


@pytest.mark.parametrize(
    "part",
    [name for name in DOCUMENT if name not in {"public_key", "close"}],
)
def test_a_part_of_another_kind_is_none(part: str) -> None:
    odd: object = (
        [] if isinstance(DOCUMENT[part], dict | str) or part == "provisional" else 7
    )
    with pytest.raises(BadRecord, match=f"its {part} is no such thing"):
        read_manifest(bundle(with_(**{part: odd})))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (with_(format="another"), "its format is not"),
        (with_(period="March"), "its period is no month"),
        (with_(key=OTHER.fingerprint), "the key has another fingerprint"),
        (with_(public_key=OTHER.public_key.hex()), "it is no signature over"),
        (with_(more=1), "it has not the parts"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    document: dict[str, object], words: str
) -> None:
    with pytest.raises(BadRecord, match=words):
        read_manifest(bundle(document))


def test_the_key_that_is_trusted_has_to_be_the_one_that_signed() -> None:
    with pytest.raises(BadRecord, match="not by the one you trust"):
        read_manifest(bundle(), OTHER.fingerprint)


def checked(container: InMemory, files: object = None) -> None:
    named: Any = DOCUMENT["files"] if files is None else files
    manifest = Manifest(
        period="2026-03", key="", public_key="", files=named, document={}
    )
    check_files(container, manifest)


@pytest.mark.parametrize(
    ("rows", "size", "words"),
    [
        (ROWS[:-1], None, "it has 15 bytes, not 16"),
        (ROWS + b"\n", None, "it has 17 bytes, not 16"),
        (ROWS + b"\n", 16, "it is longer than it says"),
        (ROWS[:-1], 16, "it ends after 15 of 16 bytes"),
        (ROWS.replace(b"2", b"3"), None, "its SHA-256 is not the one in the manifest"),
    ],
)
def test_a_file_is_as_long_and_as_it_was_when_it_was_sealed(
    rows: bytes, size: int | None, words: str
) -> None:
    container = bundle(rows=rows)
    if size is not None:
        container.sizes["rows.jsonl"] = size
    with pytest.raises(BadRecord, match=words):
        checked(container)


def test_every_file_is_named_and_every_name_a_file() -> None:
    row = DOCUMENT["files"]["rows.jsonl"]
    for files in ({}, {"rows.jsonl": row, "more": row}, {"other": row}):
        with pytest.raises(BadRecord, match="it names the wrong files"):
            checked(bundle(), files)
    with pytest.raises(BadRecord, match="it says too little of rows"):
        checked(bundle(), {"rows.jsonl": {"bytes": 16}})
    with pytest.raises(BadRecord):
        checked(bundle(), {"rows.jsonl": row | {"lines": 3}})
