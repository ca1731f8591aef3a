"""Signatures: RFC 8032's own vectors, and agreement with another implementation."""

import random
from hashlib import sha512
from typing import NamedTuple

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from billing.verifier.ed25519 import (
    ORDER,
    PRIME,
    decode_point,
    is_signed,
    is_weak,
)
from tests.verifier.signing import WEAK_KEYS


class Vector(NamedTuple):
    """A vector of RFC 8032, section 7.1: key, message and signature, all in hex."""

    key: str
    message: str
    point: str
    scalar: str

    @property
    def parts(self) -> tuple[bytes, bytes, bytes]:
        """What is verified."""
        signature = bytes.fromhex(self.point + self.scalar)
        return bytes.fromhex(self.key), bytes.fromhex(self.message), signature


VECTORS = [
    Vector(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    Vector(
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    Vector(
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    Vector(
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589",
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize("vector", VECTORS)
def test_the_vectors_of_the_rfc_are_accepted(vector: Vector) -> None:
    assert is_signed(*vector.parts)


@pytest.mark.parametrize("vector", VECTORS)
def test_one_other_bit_anywhere_is_refused(vector: Vector) -> None:
    chance = random.Random(vector.key)
    for place, part in enumerate(vector.parts):
        for _ in range(min(len(part), 5)):
            bit = chance.randrange(len(part) * 8)
            flipped = bytearray(part)
            flipped[bit // 8] ^= 1 << bit % 8
            key, message, signature = (
                bytes(flipped) if at == place else part
                for at, part in enumerate(vector.parts)
            )
            assert not is_signed(key, message, signature)


def test_what_another_implementation_signs_is_accepted_and_nothing_else() -> None:
    chance = random.Random(8032)
    for _ in range(60):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        public = private.public_key().public_bytes_raw()
        message = chance.randbytes(chance.randrange(200))
        signature = private.sign(message)
        assert is_signed(public, message, signature)
        other = bytearray(signature)
        other[chance.randrange(64)] ^= 1 << chance.randrange(8)
        assert is_signed(public, message, bytes(other)) == accepted_elsewhere(
            public, message, bytes(other)
        )


def accepted_elsewhere(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_a_scalar_beyond_the_order_is_refused() -> None:
    key, message, signature = VECTORS[1].parts
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not is_signed(key, message, signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("number", [2, PRIME, PRIME + 1, 2**255 - 1, 1 + 2**255])
def test_what_is_no_point_is_no_key(number: int) -> None:
    assert decode_point(little(number)) is None
    assert not is_signed(little(number), b"", bytes(64))


@pytest.mark.parametrize("y", [1, PRIME - 1])
def test_a_point_whose_x_is_nought_has_no_sign(y: int) -> None:
    assert decode_point(little(y)) == (0, y, 1, 0)
    assert decode_point(little(y + 2**255)) is None


# The neutral point as a key adds nothing: only the scalar decides what is signed.
NEUTRAL_KEY = (1).to_bytes(32, "little")
BASE = bytes.fromhex("58" + "66" * 31)
MINUS_BASE = BASE[:-1] + bytes([BASE[-1] | 0x80])


@pytest.mark.parametrize(
    ("point", "scalar", "is_accepted"),
    [
        (NEUTRAL_KEY, 0, True),
        (BASE, 1, True),
        (MINUS_BASE, ORDER - 1, True),
        (MINUS_BASE, 1, False),
        (BASE, ORDER - 1, False),
        (NEUTRAL_KEY, ORDER, False),
        (BASE, ORDER + 1, False),
    ],
)
def test_a_scalar_counts_from_nought_to_below_the_order(
    point: bytes, scalar: int, is_accepted: bool
) -> None:
    assert is_signed(NEUTRAL_KEY, b"any", point + little(scalar)) is is_accepted


@pytest.mark.parametrize(
    ("key", "signature", "is_accepted"),
    [
        (32, 64, True),
        (31, 64, False),
        (33, 64, False),
        (32, 63, False),
        (32, 65, False),
        (33, 65, False),
    ],
)
def test_another_length_is_refused_though_its_numbers_are_the_same(
    key: int, signature: int, is_accepted: bool
) -> None:
    padded = (1).to_bytes(key, "little"), (1).to_bytes(signature, "little")
    assert is_signed(padded[0], b"any", padded[1]) is is_accepted


def little(number: int) -> bytes:
    return number.to_bytes(32, "little")


@pytest.mark.parametrize("key", WEAK_KEYS)
def test_a_key_of_small_order_is_weak(key: str) -> None:
    assert is_weak(bytes.fromhex(key))


@pytest.mark.parametrize("vector", VECTORS)
def test_a_key_that_somebody_made_is_not_weak(vector: Vector) -> None:
    assert not is_weak(bytes.fromhex(vector.key))


def test_what_is_no_point_is_no_weak_key() -> None:
    assert not is_weak(b"\xff" * 32)
