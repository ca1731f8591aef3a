"""Each head is one: its parts, its place, what it signs, and the key in force."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from billing.verifier.bundle_names import MANIFEST
from billing.verifier.chain import follow_chain
from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.keys import REGISTERED, ROTATED, KeyRing, check_heads
from billing.verifier.manifest import fingerprint
from billing.verifier.program import FAILED, report_verification
from billing.verifier.verification import verify_in_workspace
from billing.verifier.workspace import open_workspace
from tests.tamper.bundles import Original, pack
from tests.verifier.paper import Paper, encode_line, hashed
from tests.verifier.signing import WEAK_KEYS, TestKey
from tests.verifier.stories import ledger_on_paper

Head = dict[str, Any]
OLD, NEW, THIEF = TestKey(231), TestKey(232), TestKey(233)


def signed_twice() -> Paper:
    """Return a chain whose newest two heads sign its last two events."""
    paper = ledger_on_paper(2, closed=False)
    for _ in range(2):
        paper.commit("nothing")
        paper.sign()
    return paper


def fault_of(paper: Paper) -> str:
    with pytest.raises(BadRecord) as raised:
        verify_in_workspace(paper, Months(None))
    return str(raised.value)


FORGED: dict[str, tuple[Callable[[Head], object], str]] = {
    "another format": (lambda head: head.update(format="x"), "it is no `pamela-"),
    "a part more": (lambda head: head.update(note=1), "it is no `pamela-"),
    "a part less": (lambda head: head.pop("at"), "it is no `pamela-"),
    "a number more": (lambda head: head.update(number=head["number"] + 1), "follow"),
    "another link": (lambda head: head.update(previous="0" * 64), "does not follow"),
    "no whole event": (lambda head: head.update(event=True), "it signs less"),
    "less": (lambda head: head.update(event=head["event"] - 2), "it signs less"),
    "more": (lambda head: head.update(event=head["event"] + 1), "the chain ends"),
    "another hash": (lambda head: head.update(hash="0" * 64), "it signs another event"),
    "another key": (lambda head: head.update(key=THIEF.fingerprint), "not the one in"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_signature_of_the_right_key_makes_no_head_of_what_is_none(name: str) -> None:
    paper = signed_twice()
    forge, words = FORGED[name]
    head = json.loads(json.loads(paper.heads[-1])["line"])
    forge(head)
    line = encode_line(head)
    signature = paper.key.sign(line).hex()
    paper.heads[-1] = encode_line({"line": line.decode(), "signature": signature})
    assert words in fault_of(paper)


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (lambda text: text.replace(b'":"', b'": "'), "a line and its signature, and"),
        (lambda text: text[:-1] + b',"x":1}', "a line and its signature, and only"),
        (lambda text: text[:-3] + b'"}', "it is no signed head"),
        (lambda text: text.replace(b"signature", b"signed"), "it is no signed head"),
        (lambda text: b"[]", "it is no signed head"),
    ],
)
def test_a_head_is_a_line_and_its_signature_and_only_that(
    forge: Callable[[bytes], bytes], words: str
) -> None:
    paper = signed_twice()
    paper.heads[-1] = forge(paper.heads[-1])
    assert words in fault_of(paper)


def test_each_head_is_known_with_the_event_that_it_signs() -> None:
    paper = signed_twice()
    with open_workspace() as work:
        keys = follow_chain(paper, work).keys
        number, newest = check_heads(paper, work, keys)
        heads = work.execute("SELECT number, event FROM head ORDER BY number")
        (*_, before, last) = heads.fetchall()
    assert number == len(paper.heads)
    assert newest == hashed(json.loads(paper.heads[-1])["line"].encode())
    assert before == (number - 1, len(paper.events) - 1)
    assert last == (number, len(paper.events))


def test_another_bit_of_a_signature_is_found() -> None:
    paper = signed_twice()
    document = json.loads(paper.heads[-1])
    document["signature"] = f"{int(document['signature'], 16) ^ 1 << 300:0128x}"
    paper.heads[-1] = encode_line(document)
    assert "it is not signed by the key" in fault_of(paper)


def test_the_same_event_may_be_signed_again() -> None:
    paper = signed_twice()
    paper.sign()
    assert verify_in_workspace(paper, Months(None)).calls


def registered(key: TestKey) -> dict[str, Any]:
    return {"key": key.fingerprint, "public_key": key.public_key.hex()}


def rotated(old: TestKey, new: TestKey, by: TestKey) -> dict[str, Any]:
    """Replace a key, endorsed by a key."""
    names = {**registered(new), "old": old.fingerprint}
    endorsed = encode_line({**names, "format": "pamela-billing key 1"})
    return {**names, "endorsement": by.sign(endorsed).hex()}


def ring() -> KeyRing:
    """Return a ring whose key came at event 3 and was replaced at event 7."""
    keys = KeyRing()
    keys.take("here", 3, REGISTERED, registered(OLD))
    keys.take("here", 7, ROTATED, rotated(OLD, NEW, by=OLD))
    return keys


@pytest.mark.parametrize(
    ("event", "key"), [(2, None), (3, OLD), (6, OLD), (7, NEW), (99, NEW)]
)
def test_a_key_is_in_force_from_the_event_that_brings_it(
    event: int, key: TestKey | None
) -> None:
    assert ring().at(event) == (key and key.public_key)
    assert ring().fingerprints == [OLD.fingerprint, NEW.fingerprint]


@pytest.mark.parametrize(
    ("action", "detail", "words"),
    [
        (REGISTERED, registered(THIEF), "a second key comes in"),
        (ROTATED, rotated(OLD, THIEF, by=OLD), "replaces a key that is not in force"),
        (ROTATED, rotated(NEW, THIEF, by=OLD), "the old key did not endorse"),
        (
            ROTATED,
            {**rotated(NEW, THIEF, by=NEW), "key": OLD.fingerprint},
            "another fingerprint than it names",
        ),
    ],
)
def test_only_the_key_in_force_brings_in_another(
    action: str, detail: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadRecord, match=words):
        ring().take("here", 9, action, detail)


def test_no_key_replaces_one_that_never_came() -> None:
    with pytest.raises(BadRecord, match="replaces a key that is not in force"):
        KeyRing().take("here", 1, ROTATED, rotated(OLD, NEW, by=OLD))


@pytest.mark.parametrize("key", WEAK_KEYS)
def test_a_key_that_anybody_can_sign_for_is_not_registered(key: str) -> None:
    detail = {"key": fingerprint(bytes.fromhex(key)), "public_key": key}
    with pytest.raises(BadRecord, match="anybody can sign for its key"):
        KeyRing().take("event 1", 1, REGISTERED, detail)


@pytest.mark.parametrize("key", WEAK_KEYS)
def test_a_key_that_anybody_can_sign_for_does_not_follow_another(key: str) -> None:
    keys = KeyRing()
    public = OLD.public_key.hex()
    first = {"key": OLD.fingerprint, "public_key": public}
    keys.take("event 1", 1, REGISTERED, first)
    names = {"key": fingerprint(bytes.fromhex(key)), "public_key": key}
    endorsed = {**names, "old": OLD.fingerprint, "format": "pamela-billing key 1"}
    endorsement = OLD.sign(encode_line(endorsed)).hex()
    detail = {**names, "old": OLD.fingerprint, "endorsement": endorsement}
    with pytest.raises(BadRecord, match="anybody can sign for its key"):
        keys.take("event 2", 2, ROTATED, detail)


@pytest.mark.parametrize("weak", WEAK_KEYS)
def test_a_key_that_anybody_can_sign_for_is_not_trusted(
    original: Original, target: Path, weak: str
) -> None:
    raw = original.files[MANIFEST]
    public = json.loads(raw)["public_key"].encode()
    # The neutral point and nothing: a signature by the neutral key over whatever.
    seal = f"{'01':0<64}{'':0<64}\n".encode()
    files = {MANIFEST: raw.replace(public, weak.encode()), "manifest.sig": seal}
    pack({**original.files, **files}, target)
    key = fingerprint(bytes.fromhex(weak))
    for trusted in (None, key):
        code, _, lines = report_verification(target, key=trusted)
        assert code == FAILED
        assert f"anybody can sign for the key {key}" in lines[0]
