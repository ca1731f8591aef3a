"""Signatures: what was signed is accepted, and nothing else; nothing sent raises."""

import hashlib
import hmac
import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pamela import ValidationError, verify_webhook_signature
from pamela._signatures import SIGNATURE_HEADER

SECRET = "whsec_test"
PAYLOAD = {"event": "call.completed", "b": [1, 2.5, None], "a": "é"}
CANONICAL = json.dumps(PAYLOAD, sort_keys=True, separators=(",", ":")).encode()
SPACED = json.dumps(PAYLOAD, sort_keys=True).encode()
RAW = json.dumps(PAYLOAD, ensure_ascii=False, indent=1).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("payload", "signed"),
    [
        (PAYLOAD, CANONICAL),
        (CANONICAL, CANONICAL),
        (CANONICAL.decode(), CANONICAL),
        (RAW, RAW),
        (RAW.decode(), RAW),
        (bytearray(RAW), RAW),
        (memoryview(RAW), RAW),
        (RAW, CANONICAL),
        (RAW.decode(), CANONICAL),
        (b'{"b":1,"a":1.10,"c":1e3}', b'{"b":1,"a":1.10,"c":1e3}'),
        (b'{"a":1,"a":2}', b'{"a":1,"a":2}'),
        (b"[1, 2]", b"[1,2]"),
        ([1, 2], b"[1,2]"),
        (b"\xff\x00", b"\xff\x00"),
        (b"", b""),
        ({}, b"{}"),
        (MappingProxyType(PAYLOAD), CANONICAL),
    ],
)
def test_raw_bytes_count_first_then_their_canonical_form(
    payload: Any, signed: bytes
) -> None:
    assert verify_webhook_signature(payload, sign(signed), SECRET) is True
    assert verify_webhook_signature(payload, sign(signed + b" "), SECRET) is False
    assert verify_webhook_signature(payload, sign(signed), "whsec_other") is False


def test_the_form_of_old_is_accepted_on_request_only() -> None:
    for payload in (PAYLOAD, RAW, RAW.decode()):
        assert not verify_webhook_signature(payload, sign(SPACED), SECRET)
        assert verify_webhook_signature(payload, sign(SPACED), SECRET, old_form=True)
        assert verify_webhook_signature(payload, sign(CANONICAL), SECRET, old_form=True)


def test_a_key_named_twice_is_never_read_as_one_of_its_values() -> None:
    for kept in (b'{"a":1}', b'{"a":2}'):
        assert not verify_webhook_signature(b'{"a":1,"a":2}', sign(kept), SECRET)


def test_several_secrets_are_all_good_while_one_replaces_the_other() -> None:
    old, new = sign(RAW, "old"), sign(RAW, "new")
    for signature in (old, new):
        assert verify_webhook_signature(RAW, signature, ["new", "old"])
        assert verify_webhook_signature(RAW, signature, ("old", "new"))
    assert not verify_webhook_signature(RAW, old, ["new"])


@pytest.mark.parametrize(
    "spell", [str.upper, str.encode, lambda text: f" {text}\r\n", str.title]
)
def test_a_signature_counts_however_its_hex_is_written(spell: Any) -> None:
    assert verify_webhook_signature(RAW, spell(sign(RAW)), SECRET)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "é" * 64,
        "\ud800" * 64,
        "٣" * 64,
        b"\xff" * 64,
        b"",
        7,
        0.5,
        [sign(RAW)],
        {"a": 1},
        object(),
        True,
        sign(RAW)[:-1],
        sign(RAW) + "0",
        "sha256=" + sign(RAW),
        "0" * 64,
        "\0" * 64,
        "x" * 1_000_000,
    ],
)
def test_a_hostile_signature_is_false_and_no_error(signature: Any) -> None:
    assert verify_webhook_signature(RAW, signature, SECRET) is False


ENDLESS: dict[str, Any] = {}
ENDLESS["again"] = ENDLESS


@pytest.mark.parametrize(
    "payload",
    [
        "\ud800",
        {"a": "\udfff"},
        {"a": {1}},
        {1: 1, "1": 2},
        {(): 1},
        ENDLESS,
        {"a": float("nan")},
        None,
        7,
        object(),
        {1},
        b"[" * 100_000,
        "[" * 9_999,
    ],
)
def test_a_hostile_payload_is_false_and_no_error(payload: Any) -> None:
    assert verify_webhook_signature(payload, "0" * 64, SECRET) is False


@pytest.mark.parametrize(
    ("payload", "written"),
    [
        (None, b"null"),
        (7, b"7"),
        ({1}, b"[1]"),
        # Only objects and lists have another form than their bytes.
        ('"\u00e9"', rb'"\u00e9"'),
        # What cannot be written is not the same as nothing.
        ("\ud800", b""),
        ({"a": {1}}, b""),
    ],
)
def test_what_has_no_bytes_is_signed_by_nobody(payload: Any, written: bytes) -> None:
    assert verify_webhook_signature(payload, sign(written), SECRET) is False


def test_the_signature_comes_in_the_header_that_is_documented() -> None:
    assert SIGNATURE_HEADER == "X-Pamela-Signature"


@given(st.binary(max_size=50) | st.text(max_size=50), st.text() | st.binary())
def test_no_payload_or_signature_whatsoever_raises(
    payload: Any, signature: Any
) -> None:
    assert verify_webhook_signature(payload, signature, SECRET) is False


@pytest.mark.parametrize(
    "secret", ["", [], (), [""], ["a", ""], None, 7, b"secret", [None], ["\ud800"]]
)
@pytest.mark.parametrize("signature", ["0" * 64, None])
def test_a_secret_that_keeps_none_is_a_value_error(secret: Any, signature: Any) -> None:
    with pytest.raises(ValueError, match="secret cannot be empty") as caught:
        verify_webhook_signature(PAYLOAD, signature, secret)
    assert isinstance(caught.value, ValidationError)
