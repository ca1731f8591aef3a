"""Heads of the audit trail: what is signed, and how a key is named and followed.

The form of a signed text is fixed: JSON with sorted keys and no spaces, in ASCII, which
is canonical by RFC 8785.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

HEAD_FORMAT = "pamela-billing head 1"
KEY_FORMAT = "pamela-billing key 1"
NONE_BEFORE = "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the trail at one event, to be signed.

    `hash` is that event's, `previous` the digest of the head before, `key` the
    fingerprint of the key that signs.
    """

    number: int
    event: int
    at: str
    hash: str
    key: str
    previous: str

    def line(self) -> bytes:
        """Return the text that is signed."""
        return signed_text({"format": HEAD_FORMAT, **asdict(self)})

    def digest(self) -> str:
        """Return what the next head calls its `previous`."""
        return sha256(self.line()).hexdigest()


def fingerprint(public_key: bytes) -> str:
    """Name an Ed25519 public key of 32 bytes: half of its SHA-256, in hex."""
    return sha256(public_key).digest()[:16].hex()


def endorsement(public_key: bytes, old: str) -> bytes:
    """Return the text by which an old key (a fingerprint) hands over to a new one."""
    key = fingerprint(public_key)
    names = {"key": key, "public_key": public_key.hex(), "old": old}
    return signed_text({"format": KEY_FORMAT, **names})


def signed_text(document: Mapping[str, str | int]) -> bytes:
    """Spell a document of plain ASCII texts and integers canonically."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
