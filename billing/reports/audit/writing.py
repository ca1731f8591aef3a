"""Writing a bundle: it streams, and the same rows give the same bytes."""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from billing.files.atomic_file import whole_file
from billing.reports.audit.guide import guide
from billing.verifier.bundle_names import GUIDE, MANIFEST, PROGRAM, SEAL
from billing.verifier.keys import NO_HEAD
from billing.verifier.manifest import FORMAT, fingerprint
from billing.verifier.shapes import EVENTS, HEADS, TABLE_FILES, digest, read_json
from billing.verifier.single_file import program

# Packing harder takes three times as long, and saves a tenth of the room.
_QUICKLY = 1
_PLAIN_FILE = 0o644 << 16
_UNIX = 3


class Seal(Protocol):
    """The audit key, as far as a bundle needs it."""

    @property
    def public_key(self) -> bytes:
        """The half that everybody may have."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        ...


class Contents(Protocol):
    """The rows and the trail, file by file."""

    def parts(self, file: str) -> Iterator[bytes]:
        """Yield the lines of a file, each with its end, some thousands at once."""
        ...


class Written(NamedTuple):
    """What was written of one file."""

    bytes: int
    lines: int
    sha256: str


def write_bundle(
    target: Path, contents: Contents, summary: Mapping[str, Any], seal: Seal
) -> Mapping[str, Any]:
    """Write a bundle to a file; returns its manifest. Raises UnfitTarget, FileFault.

    `said` is what the manifest says of the month itself: all but files, chain and key.
    """
    with whole_file(target) as part, part.open("wb") as stream:
        return _write(stream, contents, summary, seal)


def _write(
    stream: BinaryIO, contents: Contents, summary: Mapping[str, Any], seal: Seal
) -> Mapping[str, Any]:
    key = fingerprint(seal.public_key)
    packed = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", packed, compresslevel=_QUICKLY) as bundle:
        files = {
            GUIDE: _add(bundle, GUIDE, [_text(guide(summary, key))]),
            PROGRAM: _add(bundle, PROGRAM, [program()]),
        }
        end = _Ends()
        for name in (EVENTS, HEADS, *sorted(TABLE_FILES.values())):
            files[name] = _add(bundle, name, end.watch(name, contents.parts(name)))
        manifest = {
            "format": FORMAT,
            **summary,
            "chain": end.chain(files),
            "files": {name: one._asdict() for name, one in sorted(files.items())},
            "key": key,
            "public_key": seal.public_key.hex(),
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
        raw = f"{text}\n".encode()
        _add(bundle, MANIFEST, [raw])
        _add(bundle, SEAL, [seal.sign(raw).hex().encode() + b"\n"])
    return manifest


class _Ends:
    """The last lines of the chain and of its heads."""

    def __init__(self) -> None:
        self._last: dict[str, bytes] = {}

    def watch(self, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in parts:
            self._last[name] = part[part.rfind(b"\n", 0, -1) + 1 : -1]
            yield part

    def chain(self, files: Mapping[str, Written]) -> Mapping[str, Any]:
        """Return what the manifest says of the chain."""
        event, head = self._last.get(EVENTS), self._last.get(HEADS)
        return {
            "events": files[EVENTS].lines,
            "hash": digest(event) if event else NO_HEAD,
            "heads": files[HEADS].lines,
            "head": digest(read_json(head)["line"].encode()) if head else NO_HEAD,
        }


def _text(text: str) -> bytes:
    return text.rstrip("\n").encode() + b"\n"


def _add(bundle: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> Written:
    """Add a file as its lines come."""
    digest, size, lines = sha256(), 0, 0
    # By its name, so that it is packed as the bundle is; that is dated 1980.
    with bundle.open(name, "w", force_zip64=True) as stream:
        for part in parts:
            stream.write(part)
            digest.update(part)
            size += len(part)
            lines += part.count(b"\n")
    member = bundle.getinfo(name)
    member.external_attr, member.create_system = _PLAIN_FILE, _UNIX
    return Written(size, lines, digest.hexdigest())
