"""Clever alterations: whoever makes them repairs what they know how to repair."""

import json
import random
from hashlib import sha256
from typing import Any

from billing.verifier.bundle_names import GUIDE, MANIFEST, SEAL
from billing.verifier.shapes import EVENTS, HEADS
from tests.tamper.alterations import ON_ROWS, Alteration
from tests.tamper.bundles import Files, Original, repair, sign
from tests.verifier.paper import NOTHING, encode_line, hashed
from tests.verifier.signing import TestKey

_ATTEMPTS = "tables/meter_attempt.jsonl"
_REQUEST = 9


def repaired(alteration: Alteration) -> Alteration:
    """Let an alteration repair the manifest too, without any key."""

    def alter(chance: random.Random, original: Original) -> Files:
        return repair(alteration(chance, original))

    return alter


def by_another_key(alteration: Alteration) -> Alteration:
    """Let it repair the manifest and sign that with a key of its own."""

    def alter(chance: random.Random, original: Original) -> Files:
        key = TestKey(chance.randrange(241, 250))
        return repair(alteration(chance, original), key)

    return alter


def by_an_insider(alteration: Alteration) -> Alteration:
    """Let it sign with the true key, and leave the chain alone."""

    def alter(chance: random.Random, original: Original) -> Files:
        return repair(alteration(chance, original), original.key)

    return alter


def claims(chance: random.Random, original: Original) -> Files:
    """Change what the manifest sums up, and sign it with the true key."""
    document = json.loads(original.files[MANIFEST])
    places: list[tuple[Any, Any]] = [
        (document["totals"][0], name) for name in ("minutes", "rows", "amount_micro")
    ]
    places += [
        (document["chain"], "events"),
        (document["reconciliation"], "stripe_minutes"),
    ]
    place, name = chance.choice(places)
    place[name] += chance.choice([-1, 1, 10])
    if chance.random() < 0.2:
        document["provisional"] = not document["provisional"]
    return sign(original.files, document, original.key)


def close_claimed(chance: random.Random, original: Original) -> Files:
    """Say otherwise when a month was closed, by whom, or that it was at all."""
    document = json.loads(original.files[MANIFEST])
    close = document["close"] or {"closed_at": "", "closed_by": "", "digest": None}
    close[chance.choice(["closed_at", "closed_by"])] = f"it {chance.random()}"
    document["close"] = close
    return sign(original.files, document, original.key)


def readme(chance: random.Random, original: Original) -> Files:
    """Let the README say otherwise what it states or explains, signed by the key."""
    text = original.files[GUIDE].decode()
    month = json.loads(original.files[MANIFEST])["period"]
    frozen = f"The month was frozen at {month}-28T00:00:00+00:00 by alice.\n"
    lines = text.splitlines(keepends=True)
    place = chance.randrange(len(lines) + 1)
    lying = [
        "".join([*lines[:place], frozen, *lines[place:]]),
        "".join([*lines[:place], *lines[place + chance.randrange(1, 9) :]]),
        text.replace(", PROVISIONAL", "").replace("==============\n", "\n"),
        text.replace("THE MONTH IS PROVISIONAL", "THE MONTH IS FROZEN"),
        text.replace("The month was frozen", "The month was not frozen"),
        text.replace(original.key.fingerprint, f"{chance.randrange(2**128):032x}"),
        text.replace(month, f"2031-{chance.randrange(1, 13):02}", 1),
        text.replace(" not ", " ", 1),
    ]
    changed = {**original.files, GUIDE: chance.choice(lying).encode()}
    return repair(changed, original.key)


def key_twice(chance: random.Random, original: Original) -> Files:
    """Name a part of the manifest twice, and sign that with the true key."""
    document = json.loads(original.files[MANIFEST])
    name = chance.choice(sorted(document))
    twin = f'{{"{name}": {json.dumps(document[name])},'.encode()
    raw = original.files[MANIFEST].replace(b"{", twin, 1)
    seal = f"{original.key.sign(raw).hex()}\n".encode()
    return {**original.files, MANIFEST: raw, SEAL: seal}


def forged(chance: random.Random, original: Original) -> Files:
    """Make the whole chain anew around a change, with a key of one's own."""
    return _chained_anew(chance, original, TestKey(chance.randrange(241, 250)))


def rewritten(chance: random.Random, original: Original) -> Files:
    """Make the whole chain anew around a change, with the true key."""
    return _chained_anew(chance, original, original.key)


def _chained_anew(chance: random.Random, original: Original, key: TestKey) -> Files:
    files = dict(original.files)
    events = [json.loads(line) for line in files[EVENTS].splitlines()]
    # What came after the older bundle, that one cannot know.
    older_events = original.older[EVENTS].count(b"\n")
    if chance.random() < 0.5:
        chance.choice(events[:older_events])["actor"] = "nobody"
    else:
        files[_ATTEMPTS] = _another_answer(chance, files[_ATTEMPTS], events)
    previous, hashes = NOTHING, []
    lines = []
    for event in events:
        if event["action"] == "key.registered":
            event["detail"] = {
                "key": key.fingerprint,
                "public_key": key.public_key.hex(),
            }
        event["previous"] = previous
        lines.append(encode_line(event))
        previous = hashed(lines[-1])
        hashes.append(previous)
    files[EVENTS] = b"".join(line + b"\n" for line in lines)
    files[HEADS], head = _signed_anew(files[HEADS], hashes, key)
    document = json.loads(files[MANIFEST])
    document["chain"] |= {"hash": previous, "head": head}
    old, new = original.key.fingerprint.encode(), key.fingerprint.encode()
    files[GUIDE] = files[GUIDE].replace(old, new)
    files = dict(sign(files, document, key))
    return repair(files, key)


def _another_answer(
    chance: random.Random, content: bytes, events: list[dict[str, Any]]
) -> bytes:
    """Change the request id of an attempt, and the digest that covers it."""
    lines = content.splitlines()
    at = chance.randrange(1, len(lines))
    before = hashed(lines[at])
    row = json.loads(lines[at])
    row[_REQUEST] = f"req_{chance.randrange(10**9)}"
    lines[at] = encode_line(row)
    for event in events:
        for cover in event["covers"]:
            for entry in cover.get("each", []):
                entry[1:] = [
                    hashed(lines[at]) if digest == before else digest
                    for digest in entry[1:]
                ]
    return b"".join(line + b"\n" for line in lines)


def _signed_anew(content: bytes, hashes: list[str], key: TestKey) -> tuple[bytes, str]:
    previous, lines = NOTHING, []
    for line in content.splitlines():
        head = json.loads(json.loads(line)["line"])
        head |= {"key": key.fingerprint, "previous": previous}
        head["hash"] = hashes[head["event"] - 1]
        text = encode_line(head)
        previous = sha256(text).hexdigest()
        signed = {"line": text.decode(), "signature": key.sign(text).hex()}
        lines.append(encode_line(signed) + b"\n")
    return b"".join(lines), previous


CLEVER: dict[str, Alteration] = {
    **{f"{name}, repaired": repaired(alter) for name, alter in ON_ROWS.items()},
    **{
        f"{name}, another key": by_another_key(alter) for name, alter in ON_ROWS.items()
    },
    **{
        f"{name}, the true key": by_an_insider(alter) for name, alter in ON_ROWS.items()
    },
    "claims changed, the true key": claims,
    "close claimed, the true key": close_claimed,
    "README rewritten, the true key": readme,
    "a key twice, the true key": key_twice,
}
# Whole ledgers of somebody else's: only the fingerprint, or an older bundle, tells.
FORGED, REWRITTEN = "all made anew, another key", "all made anew, the true key"
