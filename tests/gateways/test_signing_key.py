"""The signing key: made once, read by nobody else, and any Ed25519 verifies it."""

import os
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from billing.errors import SigningFault
from billing.gateways.signing_key import MOST_BYTES, make_key, read_key
from billing.verifier.ed25519 import is_signed

WORDS = b"head 1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the place of a key that is not there yet."""
    return tmp_path / "audit.key"


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def key_of_another_kind() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_new_key_is_for_its_owner_alone_and_is_read_again(path: Path) -> None:
    made = make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path).public_key == made.public_key
    assert len(made.public_key) == 32


def test_a_key_that_has_no_end_is_not_read(path: Path) -> None:
    write(path, b"-" * (MOST_BYTES + 1))
    with pytest.raises(SigningFault, match="it has more than 65,536 bytes"):
        read_key(path)


def test_a_pipe_is_no_key(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(SigningFault, match="it is no regular file"):
        read_key(path)


def test_each_key_is_another(tmp_path: Path) -> None:
    first, second = make_key(tmp_path / "one"), make_key(tmp_path / "other")
    assert first.public_key != second.public_key


def test_a_signature_is_verified_by_others_code_and_by_the_verifiers(
    path: Path,
) -> None:
    key = make_key(path)
    signature = key.sign(WORDS)
    public = Ed25519PublicKey.from_public_bytes(key.public_key)
    public.verify(signature, WORDS)
    assert is_signed(key.public_key, WORDS, signature)
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"head 2")
    assert not is_signed(key.public_key, b"head 2", signature)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o660, 0o644, 0o610])
def test_a_key_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    make_key(path)
    path.chmod(mode)
    with pytest.raises(
        SigningFault, match="may be read or written by others; `chmod 600"
    ):
        read_key(path)


def test_a_key_that_its_owner_lets_a_group_read_is_taken(path: Path) -> None:
    made = make_key(path)
    path.chmod(0o640)
    assert read_key(path).public_key == made.public_key


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no private key"),
        (b"hello\n", "holds no private key"),
        (b"\xff\x00", "holds no private key"),
        (key_of_another_kind(), "a key of another kind; Ed25519 is needed"),
    ],
)
def test_what_is_no_key_of_ours_is_refused(
    path: Path, content: bytes, words: str
) -> None:
    write(path, content)
    with pytest.raises(SigningFault, match=words):
        read_key(path)


def test_a_key_that_is_not_there_cannot_be_read(path: Path) -> None:
    with pytest.raises(SigningFault, match="cannot be read: No such file"):
        read_key(path)


def test_a_key_that_is_there_is_never_overwritten(path: Path) -> None:
    made = make_key(path)
    with pytest.raises(SigningFault, match="cannot be written: File exists"):
        make_key(path)
    assert read_key(path).public_key == made.public_key


def test_no_key_is_made_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SigningFault, match="cannot be written"):
        make_key(tmp_path / "nowhere" / "audit.key")
