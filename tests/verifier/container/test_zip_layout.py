"""A zip file has one layout, and whatever says where things are says the same."""

import io
import struct
import zipfile
import zlib

import pytest

from billing.verifier.zip_layout import (
    _after,
    _extras,
    _raw_name,
    check_layout,
    check_packed,
    find_end,
    is_encrypted,
)
from tests.tamper.zip_by_hand import LARGE, SIZES_FOLLOW, End, Member, by_hand

FIRST, SECOND = (
    Member(name=b"a", content=b"text " * 9),
    Member(name=b"b/c", content=b"more"),
)
UTF8 = 0x800


def checked(raw: bytes) -> None:
    """Look at a zip file as the verifier does."""
    file = io.BytesIO(raw)
    end = find_end(file)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        check_layout(file, archive, end)
        for member in archive.infolist():
            check_packed(file, member)


def refused(raw: bytes) -> str:
    with pytest.raises(zipfile.BadZipFile) as raised:
        checked(raw)
    return str(raised.value)


def extra(kind: int, content: bytes) -> bytes:
    return struct.pack("<2H", kind, len(content)) + content


def sizes_after(member: Member, form: str, signature: bytes = b"") -> Member:
    """Let the sizes of a file follow it."""
    follows = signature + struct.pack(form, *member.sizes)
    return member._replace(flags=SIZES_FOLLOW, sizes_here=(0, 0, 0), following=follows)


WHOLE: dict[str, bytes] = {
    "nothing": by_hand([]),
    "two files": by_hand([FIRST, SECOND]),
    "one that is not packed": by_hand([FIRST._replace(stored=True), SECOND]),
    "an empty one": by_hand([Member(name=b"a", content=b"", stored=True), SECOND]),
    "large records": by_hand([FIRST, SECOND], End(records=True)),
    "sizes after it": by_hand([sizes_after(FIRST, "<3L"), SECOND]),
    "sizes after it, signed": by_hand([sizes_after(FIRST, "<3L", b"PK\7\x08")]),
    "large sizes after it": by_hand([sizes_after(FIRST, "<L2Q"), SECOND]),
    "large sizes after it, signed": by_hand([sizes_after(FIRST, "<L2Q", b"PK\7\x08")]),
    "large sizes where it stands": by_hand(
        [
            FIRST._replace(
                sizes_here=(FIRST.sizes[0], LARGE, LARGE),
                extra_here=extra(1, struct.pack("<2Q", 45, FIRST.sizes[1])),
            )
        ]
    ),
    "times as a part of their own": by_hand(
        [FIRST._replace(extra_here=extra(9, b"12") + extra(7, b""))]
    ),
    "a name of Unicode": by_hand([FIRST._replace(name="é".encode(), flags=UTF8)]),
    "a name of DOS": by_hand([FIRST._replace(name="é".encode("cp437"))]),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_zip_file_is_taken(case: str) -> None:
    checked(WHOLE[case])


def first(**otherwise: object) -> bytes:
    return by_hand([FIRST._replace(**otherwise), SECOND])  # type: ignore[arg-type]


def end_says(place: int, form: str, *values: int) -> bytes:
    """Let the last record of a zip file say something else."""
    raw = bytearray(by_hand([FIRST, SECOND]))
    struct.pack_into(form, raw, len(raw) - 22 + place, *values)
    return bytes(raw)


def records_say(place: int, form: str, *values: int) -> bytes:
    """Let the large records of a zip file say something else."""
    raw = bytearray(by_hand([FIRST, SECOND], End(records=True)))
    struct.pack_into(form, raw, len(raw) - 22 - 76 + place, *values)
    return bytes(raw)


BETWEEN = "there is something between its files"
TWO_WAYS = "a file is named in two ways"
TWO_PLACES = "its list is said to be in two places"
PARTS = "it is one of several parts"
BROKEN: list[tuple[bytes, str]] = [
    (b"", "its end is missing"),
    (b"PK\5\6" + bytes(17), "its end is missing"),
    (by_hand([FIRST]) + b"x", "something follows its end"),
    (end_says(20, "<H", 1), "something follows its end"),
    (end_says(4, "<H", 1), PARTS),
    (end_says(6, "<H", 1), PARTS),
    (end_says(8, "<H", 1), PARTS),
    (end_says(10, "<H", 1), PARTS),
    (end_says(8, "<2H", 3, 3), "another number of files than it says"),
    # Only where there are large records may a small one say that it has no room.
    (end_says(8, "<2H", 0xFFFF, 0xFFFF), "another number of files than it says"),
    (records_say(16, "<L", 1), TWO_PLACES),
    (records_say(4, "<Q", 45), TWO_PLACES),
    (records_say(20, "<L", 1), TWO_PLACES),
    (records_say(24, "<Q", 3), TWO_PLACES),
    (records_say(32, "<Q", 3), TWO_PLACES),
    (records_say(60, "<L", 1), "span multiple disks"),
    (records_say(72, "<L", 2), "span multiple disks"),
    (records_say(72, "<L", 0), TWO_PLACES),
    (first(following=b"x"), BETWEEN),
    (first(following=bytes(25)), BETWEEN),
    (by_hand([sizes_after(FIRST, "<3L")._replace(flags=0)]), TWO_WAYS),
    (first(sizes_here=(1, *FIRST.sizes[1:])), TWO_WAYS),
    (first(sizes_here=(FIRST.sizes[0], 1, 45)), TWO_WAYS),
    (first(sizes_here=(FIRST.sizes[0], FIRST.sizes[1], 1)), TWO_WAYS),
    # None are said here, and none follow.
    (first(sizes_here=(0, 0, 0)), TWO_WAYS),
    (first(extra_here=extra(0x7075, b"")), TWO_WAYS),
    (first(extra_in_list=extra(0x7075, b"")), TWO_WAYS),
    (first(extra_here=extra(9, b"1") + extra(9, b"2")), "described in two ways"),
    (first(extra_here=extra(9, b"12")[:-1]), "described in two ways"),
    (first(after_packing=b"x"), "its packing ends elsewhere than the list says"),
    (first(after_packing=b"x", stored=True), "it has another size than the list"),
]


@pytest.mark.parametrize(("raw", "words"), BROKEN)
def test_what_two_readers_would_see_differently_is_refused(
    raw: bytes, words: str
) -> None:
    assert words in refused(raw)


def listed(**parts: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("a")
    for name, value in parts.items():
        setattr(member, name, value)
    return member


def test_sizes_that_need_more_room_follow_in_one_form_only() -> None:
    small = listed(flag_bits=8, CRC=1, compress_size=2, file_size=LARGE)
    forms = {struct.pack("<3L", 1, 2, LARGE), struct.pack("<L2Q", 1, 2, LARGE)}
    assert _after(small) == forms | {b"PK\7\x08" + each for each in forms}
    large = listed(flag_bits=8, CRC=1, compress_size=2, file_size=LARGE + 1)
    form = struct.pack("<L2Q", 1, 2, LARGE + 1)
    assert _after(large) == {form, b"PK\7\x08" + form}
    assert _after(listed(flag_bits=UTF8)) == {b""}


def test_the_parts_of_what_is_said_come_each_once() -> None:
    parts = extra(1, b"12") + extra(2, b"") + extra(3, b"1")
    assert list(_extras(parts)) == [(1, b"12"), (2, b""), (3, b"1")]
    for raw in (parts + extra(2, b"x"), parts[:-1]):
        with pytest.raises(zipfile.BadZipFile, match="a file is described in two ways"):
            list(_extras(raw))
    with pytest.raises(struct.error):
        list(_extras(parts + b"xyz"))


def test_a_name_is_of_unicode_where_its_mark_says_so() -> None:
    member = zipfile.ZipInfo("é")
    assert _raw_name(member) == b"\x82"
    member.flag_bits = UTF8
    assert _raw_name(member) == "é".encode()
    member.flag_bits = ~UTF8 & 0xFFFF
    assert _raw_name(member) == b"\x82"


@pytest.mark.parametrize(
    ("flags", "encrypted"), [(0, False), (1, True), (0x40, True), (0x808, False)]
)
def test_a_password_is_known_by_its_marks(flags: int, encrypted: bool) -> None:
    assert is_encrypted(listed(flag_bits=flags)) is encrypted


def list_of(size: int) -> bytes:
    """Return the end of a zip file whose list is said to be so long."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, size, 0, 0)


def test_a_list_that_is_far_too_long_is_not_read() -> None:
    assert find_end(io.BytesIO(list_of(2**20))).size == 2**20
    # Its true size may stand in the large records.
    assert find_end(io.BytesIO(list_of(LARGE))).size == LARGE
    for size in (2**20 + 1, LARGE - 1):
        with pytest.raises(zipfile.BadZipFile, match="far too long"):
            find_end(io.BytesIO(list_of(size)))


def test_the_end_is_found_behind_anything() -> None:
    raw = bytes(100_000) + list_of(0)
    assert find_end(io.BytesIO(raw)).at == 100_000
    # Readers look so far back for an end that a comment follows.
    comment = bytes(65_535)
    for length, words in ((65_535, "something follows"), (65_536, "end is missing")):
        with pytest.raises(zipfile.BadZipFile, match=words):
            find_end(io.BytesIO(list_of(0) + comment + bytes(length - 65_535)))


@pytest.mark.parametrize(
    ("change", "is_whole"),
    [
        ({}, True),
        ({"file_size": 44}, False),
        ({"file_size": 46}, False),
        ({"compress_size": 3}, False),
    ],
)
def test_a_packing_ends_where_the_list_says(
    change: dict[str, int], is_whole: bool
) -> None:
    raw = by_hand([FIRST])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        member = archive.infolist()[0]
    for name, value in change.items():
        setattr(member, name, value)
    if is_whole:
        check_packed(io.BytesIO(raw), member)
        return
    with pytest.raises(zipfile.BadZipFile, match="its packing ends elsewhere"):
        check_packed(io.BytesIO(raw), member)


def test_a_long_packing_is_read_in_pieces() -> None:
    noise = bytes(range(256)) * 4_000 + zlib.compress(bytes(range(256)) * 99)
    checked(by_hand([Member(name=b"a", content=noise * 3), SECOND]))
