"""Hostile bundles: each is one clear sentence, and none is ever a traceback."""

import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.verifier.bundle_names import MANIFEST
from billing.verifier.program import FAILED, UNUSABLE, report_verification
from tests.tamper.bundles import Files, Original, pack, packed, repair
from tests.tamper.zip_by_hand import End, by_hand, members_of
from tests.verifier.signing import TestKey

CALLS = "tables/call.jsonl"


def refused(path: Path) -> str:
    """Verify what must fail; returns the sentence."""
    code, document, lines = report_verification(path)
    assert code == FAILED, lines
    assert document["verdict"] == "FAIL"
    assert len(lines) == 1
    assert "\n" not in lines[0]
    return lines[0]


def with_member(
    files: Files, target: Path, member: zipfile.ZipInfo, text: bytes
) -> Path:
    """Pack a bundle with one more member, or one that is there already."""
    pack(files, target)
    with zipfile.ZipFile(target, "a") as bundle:
        bundle.writestr(member, text)
    return target


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "C:\\evil",
        "tables/../../evil",
        "tables\\call.jsonl",
        "tables/",
        "TABLES/call.jsonl",
        "verify.pyc",
        "README.txt\x1b[2J",
        "\u202emanifest",
        "__MACOSX/../verify.py",
        "/__MACOSX/x",
        "../__MACOSX/x",
        "../../._x",
        "tables/./.DS_Store",
        "..\\x/.DS_Store",
        "C:/._x",
    ],
)
def test_no_other_name_is_let_in(original: Original, target: Path, name: str) -> None:
    sentence = refused(with_member(original.files, target, zipfile.ZipInfo(name), b"x"))
    assert "no bundle has a file of this name" in sentence
    assert sentence.isprintable()


@pytest.mark.parametrize("above", [b"a\0b/", b"C:/", b"..\\/", b"./"])
def test_no_other_folder_is_let_in_above_a_bundle(
    original: Original, target: Path, above: bytes
) -> None:
    members = [
        member._replace(name=above + member.name)
        for member in members_of(packed(original.files))
    ]
    target.write_bytes(by_hand(members))
    assert "no bundle has a file of this name" in refused(target)


KINDS = {
    "a link": 0o120777 << 16,
    "a pipe": 0o010644 << 16,
    "a device": 0o020644 << 16,
    "a folder": 0o040755 << 16,
    "a folder of DOS": 0x10,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_would_be_unpacked_as_no_file_is_refused(
    original: Original, target: Path, kind: str
) -> None:
    first, *rest = members_of(packed(original.files))
    target.write_bytes(by_hand([first._replace(mode=KINDS[kind]), *rest]))
    assert "a link or a device" in refused(target)


@pytest.mark.parametrize("stored", [False, True])
def test_nothing_is_hidden_behind_a_packing(
    original: Original, target: Path, stored: bool
) -> None:
    first, *rest = members_of(packed(original.files))
    hidden = first._replace(after_packing=b"PK\3\4hidden", stored=stored)
    target.write_bytes(by_hand([hidden, *rest]))
    assert "than the list says" in refused(target)


def test_what_is_made_by_hand_is_whole(original: Original, target: Path) -> None:
    members = members_of(packed(original.files))
    for end in (End(), End(records=True)):
        target.write_bytes(by_hand(members, end))
        assert report_verification(target)[1]["verdict"] == "PASS"


def test_folders_without_end_are_refused(original: Original, tmp_path: Path) -> None:
    place, levels = Path.cwd(), 1_500
    os.chdir(tmp_path)
    try:
        for _ in range(levels):
            os.mkdir("d")  # a whole path would be too long
            os.chdir("d")
        sentence = refused(tmp_path / "d")
        for _ in range(levels):
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(place)
    # How deep Python goes down differs; a bundle has no such folder in any case.
    assert sentence.startswith("FAIL  d")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(
    original: Original, target: Path
) -> None:
    member = zipfile.ZipInfo(CALLS)
    path = with_member(original.files, target, member, original.files[CALLS])
    assert "it is there twice" in refused(path)


def test_a_bomb_is_not_unpacked(original: Original, target: Path) -> None:
    files = {**original.files, CALLS: bytes(300 * 2**20)}
    assert "no ledger packs so well" in refused(pack(files, target))


def test_a_manifest_of_a_gigabyte_is_not_read(original: Original, target: Path) -> None:
    # Noise does not pack, so it is no bomb; it is too large all the same.
    noise = random.Random(1).randbytes(2**16) * 1_100
    files = {**original.files, MANIFEST: noise}
    assert "over 1,048,576" in refused(pack(files, target, zipfile.ZIP_STORED))


def test_an_encrypted_member_is_refused(original: Original, target: Path) -> None:
    raw = bytearray(packed(original.files))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(sign)
        raw[at + offset] |= 1
    target.write_bytes(raw)
    assert "it is encrypted" in refused(target)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings_are_refused(
    original: Original, target: Path, method: int
) -> None:
    sentence = refused(pack(original.files, target, method))
    assert "packed in a way that only bombs need" in sentence


@pytest.mark.parametrize("share", [0, 1, 30, 50, 99])
def test_a_truncated_zip_is_refused(
    original: Original, target: Path, share: int
) -> None:
    raw = packed(original.files)
    target.write_bytes(raw[: len(raw) * share // 100])
    assert "it is no whole zip file" in refused(target)


def test_whatever_bytes_are_broken_nothing_crashes(
    original: Original, target: Path
) -> None:
    raw = packed(original.files)
    chance = random.Random(5)
    for _ in range(150):
        broken = bytearray(raw)
        for _ in range(chance.randrange(1, 6)):
            place = chance.choice(
                [chance.randrange(len(raw)), -chance.randrange(1, 2_500)]
            )
            broken[place] = chance.randrange(256)
        target.write_bytes(broken)
        code, document, lines = report_verification(target)
        # Some bytes of a zip file say nothing, such as the times of its members.
        assert code in {0, FAILED}
        assert document["verdict"] in {"PASS", "FAIL"}
        assert lines[0].isprintable()


NONSENSE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda text: b"",
    "no line end": lambda text: text[:-1],
    "no UTF-8": lambda text: text + b"\xff\xfe\n",
    "a lone surrogate": lambda text: text + b'["\\ud800"]\n',
    "no JSON": lambda text: text + b"hello\n",
    "half of a row": lambda text: text[:-20] + b"\n",
    "deep nesting": lambda text: text + b"[" * 100_000 + b"\n",
    "an object": lambda text: text + b'{"a": 1}\n',
    "a text": lambda text: text + b'"abcdefghijklmnopq"\n',
    "an endless number": lambda text: text + b"[" + b"9" * 10_000 + b"]\n",
    "a float": lambda text: text + b"[1.5]\n",
    "NaN": lambda text: text + b"[NaN]\n",
    "an empty line": lambda text: text + b"\n",
    "another heading": lambda text: text.replace(b"id", b"di", 1),
    "beyond 64 bits": lambda text: text.replace(b"\n[", b"\n[9223372036854775808", 1),
    "two values": lambda text: text.replace(b"]\n", b"][]\n", 3),
}


@pytest.mark.parametrize("words", NONSENSE)
@pytest.mark.parametrize("name", [CALLS, "audit_events.jsonl", "heads.jsonl"])
def test_nonsense_in_a_file_is_one_sentence(
    original: Original, target: Path, name: str, words: str
) -> None:
    changed = NONSENSE[words](original.files[name])
    if changed == original.files[name]:
        return
    # Signed by the true key, so that the nonsense itself is looked at.
    files = repair({**original.files, name: changed}, original.key)
    refused(pack(files, target))


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b"null", b"[" * 99_999, b"\xff"]
)
def test_nonsense_for_a_manifest_is_one_sentence(
    original: Original, target: Path, document: bytes
) -> None:
    assert MANIFEST in refused(pack({**original.files, MANIFEST: document}, target))


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"x": 1}, True, 2**70])
def test_a_manifest_of_other_kinds_is_one_sentence(
    original: Original, target: Path, value: object
) -> None:
    document = json.loads(original.files[MANIFEST])
    key = TestKey()
    for name in document:
        changed = {**document, name: value, "public_key": key.public_key.hex()}
        if changed[name] == document[name]:
            continue
        if name != "key":
            changed["key"] = key.fingerprint
        raw = json.dumps(changed).encode()
        files = {**original.files, MANIFEST: raw}
        files["manifest.sig"] = f"{key.sign(raw).hex()}\n".encode()
        refused(pack(files, target))


def test_what_is_no_zip_is_refused(target: Path) -> None:
    target.write_bytes(b"hello")
    assert "it is no whole zip file" in refused(target)


def test_an_empty_zip_lacks_its_files(target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(), "w") as empty:
        pass
    del empty
    assert "it is missing" in refused(pack({}, target))


def test_nothing_there_is_no_verdict(tmp_path: Path) -> None:
    code, document, lines = report_verification(tmp_path / "none.zip")
    assert (code, document["verdict"]) == (UNUSABLE, "UNREADABLE")
    assert "there is no bundle" in lines[0]


def test_a_link_in_a_folder_is_refused(original: Original, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    (folder / "tables").mkdir(parents=True)
    for name, content in original.files.items():
        (folder / name).write_bytes(content)
    (folder / "manifest.sig").unlink()
    (folder / "manifest.sig").symlink_to(tmp_path)
    assert "it is a link" in refused(folder)
