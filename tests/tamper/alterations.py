"""Alterations of a bundle's files: one small change each, wherever chance puts it."""

import json
import random
from collections.abc import Callable, Sequence

from billing.verifier.bundle_names import GUIDE, MANIFEST, PROGRAM, SEAL
from billing.verifier.shapes import EVENTS, HEADS
from tests.tamper.bundles import Files, Original
from tests.verifier.signing import TestKey

# Everything but what explains the evidence, and what says that it is all there.
_NO_EVIDENCE = {GUIDE, PROGRAM, MANIFEST, SEAL}
Alteration = Callable[[random.Random, Original], Files]


def bit(chance: random.Random, original: Original) -> Files:
    """Flip one bit of any file."""
    name = chance.choice(sorted(original.files))
    content = bytearray(original.files[name])
    place = chance.randrange(len(content) * 8)
    content[place // 8] ^= 1 << place % 8
    return {**original.files, name: bytes(content)}


def field(chance: random.Random, original: Original) -> Files:
    """Change one field of one row."""
    name = _table(chance, original, rows=1)
    lines = original.files[name].splitlines()
    at = chance.randrange(1, len(lines))
    row = json.loads(lines[at])
    place = chance.choice(sorted(row) if isinstance(row, dict) else range(len(row)))
    row[place] = _another(chance, row[place])
    lines[at] = _encode_line(row)
    return _with(original, name, lines)


def character(chance: random.Random, original: Original) -> Files:
    """Put another character into a line of evidence."""
    name = chance.choice(_evidence(original))
    lines = original.files[name].splitlines()
    at = chance.randrange(len(lines))
    line = bytearray(lines[at])
    place = chance.randrange(len(line))
    line[place] = chance.choice([c for c in b"0123456789az" if c != line[place]])
    lines[at] = bytes(line)
    return _with(original, name, lines)


def dropped(chance: random.Random, original: Original) -> Files:
    """Drop a row or an event."""
    name = _table(chance, original, rows=1)
    lines = original.files[name].splitlines()
    del lines[chance.randrange(1, len(lines))]
    return _with(original, name, lines)


def duplicated(chance: random.Random, original: Original) -> Files:
    """Let a row stand there twice."""
    name = _table(chance, original, rows=1)
    lines = original.files[name].splitlines()
    at = chance.randrange(1, len(lines))
    lines.insert(chance.choice([at, at + 1, len(lines)]), lines[at])
    return _with(original, name, lines)


def swapped(chance: random.Random, original: Original) -> Files:
    """Let two rows change their places."""
    name = _ordered(chance, original)
    lines = original.files[name].splitlines()
    first = 1 if name.startswith("tables/") else 0
    place, other_place = chance.sample(range(first, len(lines)), 2)
    lines[place], lines[other_place] = lines[other_place], lines[place]
    return _with(original, name, lines)


def reversed_(chance: random.Random, original: Original) -> Files:
    """Turn the order of a file round."""
    name = _ordered(chance, original)
    first = 1 if name.startswith("tables/") else 0
    lines = original.files[name].splitlines()
    return _with(original, name, [*lines[:first], *reversed(lines[first:])])


def tail(chance: random.Random, original: Original) -> Files:
    """Cut the end off a file: some bytes, or some lines."""
    name = chance.choice(sorted(original.files))
    content = original.files[name]
    if chance.random() < 0.5:
        return {**original.files, name: content[: -chance.randrange(1, len(content))]}
    name = _table(chance, original, rows=1)
    lines = original.files[name].splitlines()
    return _with(original, name, lines[: chance.randrange(1, len(lines))])


def added(chance: random.Random, original: Original) -> Files:
    """Add a row that never was."""
    name = _table(chance, original, rows=1)
    lines = original.files[name].splitlines()
    row = json.loads(lines[-1])
    if isinstance(row, dict):
        row |= {"sequence": len(lines) + 1}
    elif type(row[0]) is int:
        row[0] += chance.randrange(1, 9)
    else:
        row[0] = f"{row[0]}x"
    return _with(original, name, [*lines, _encode_line(row)])


def key(chance: random.Random, original: Original) -> Files:
    """Name another key in the manifest."""
    other = TestKey(chance.randrange(1, 9) + 240)
    manifest = json.loads(original.files[MANIFEST])
    manifest |= {"key": other.fingerprint, "public_key": other.public_key.hex()}
    return {**original.files, MANIFEST: json.dumps(manifest).encode() + b"\n"}


def old_signature(chance: random.Random, original: Original) -> Files:
    """Put the signature or the manifest of the older bundle in their places."""
    name = chance.choice([SEAL, MANIFEST])
    return {**original.files, name: original.older[name]}


def manifest(chance: random.Random, original: Original) -> Files:
    """Edit the manifest."""
    document = json.loads(original.files[MANIFEST])
    name = chance.choice(sorted(document))
    if chance.random() < 0.3:
        del document[name]
    elif isinstance(document[name], dict) and document[name]:
        part = chance.choice(sorted(document[name]))
        document[name][part] = _another(chance, document[name][part])
    else:
        document[name] = _another(chance, document[name])
    return {**original.files, MANIFEST: json.dumps(document, indent=1).encode() + b"\n"}


def missing(chance: random.Random, original: Original) -> Files:
    """Leave a file out."""
    gone = chance.choice(sorted(original.files))
    return {name: text for name, text in original.files.items() if name != gone}


def renamed(chance: random.Random, original: Original) -> Files:
    """Give a file another name, or add one; some names would leave the folder."""
    names = ("../evil", "/etc/evil", "tables/../x", "C:\\x", "tables\\call.jsonl", "x")
    name = chance.choice(sorted(original.files))
    other = chance.choice([*names, name.upper()])
    files = dict(original.files)
    files[other] = files[name] if chance.random() < 0.5 else files.pop(name)
    return files


def mixed(chance: random.Random, original: Original) -> Files:
    """Put a file of an older bundle in the place of this one's."""
    differing = [
        name for name, text in original.files.items() if original.older[name] != text
    ]
    name = chance.choice(sorted(differing))
    return {**original.files, name: original.older[name]}


# What concerns the rows, so that it may be repaired around.
ON_ROWS: dict[str, Alteration] = {
    "field changed": field,
    "character changed": character,
    "row dropped": dropped,
    "row duplicated": duplicated,
    "row added": added,
    "rows swapped": swapped,
    "order reversed": reversed_,
}
PLAIN: dict[str, Alteration] = {
    "bit flipped": bit,
    **ON_ROWS,
    "tail cut": tail,
    "key swapped": key,
    "signature or manifest old": old_signature,
    "manifest edited": manifest,
    "file missing": missing,
    "file renamed or added": renamed,
    "file of another bundle": mixed,
}


def _evidence(original: Original) -> list[str]:
    return sorted(
        name
        for name, text in original.files.items()
        if name not in _NO_EVIDENCE and text
    )


def _table(chance: random.Random, original: Original, *, rows: int) -> str:
    """Choose a file of evidence with so many rows below its first line."""
    return chance.choice(
        [n for n in _evidence(original) if original.files[n].count(b"\n") > rows]
        if chance.random() < 0.8
        else [EVENTS, HEADS]
    )


def _ordered(chance: random.Random, original: Original) -> str:
    """Choose a file whose order is part of the evidence."""
    # Rows that have a digest each may stand in any order.
    names = (EVENTS, HEADS, "tables/call.jsonl", "tables/b2b_usage.jsonl")
    return chance.choice(names)


def _with(original: Original, name: str, lines: Sequence[bytes]) -> Files:
    return {**original.files, name: b"".join(line + b"\n" for line in lines)}


def _another(chance: random.Random, value: object) -> object:
    if isinstance(value, bool) or value is None:
        return chance.choice([1, "x", -1])
    if isinstance(value, int):
        return value + chance.choice([-60, -1, 1, 2**63, 10])
    if isinstance(value, str):
        return chance.choice([f"{value}0", value[:-1] or "x", f"{value} ", None])
    return chance.choice([None, 1, []]) if value else 1


def _encode_line(row: object) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
