"""The signing key: an Ed25519 key in a file that others may not read."""

from pathlib import Path
from typing import TYPE_CHECKING

from billing.errors import SigningFault
from billing.files.atomic_file import OWNER_ONLY, create_file, is_private
from billing.files.bounded_file import read_bounded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST_BYTES = 65_536


class FileSigner:
    """Signs with the key of a file."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes."""
        return self._key.sign(message)


def make_key(path: Path) -> FileSigner:
    """Make a new key and keep it in a new file; raises SigningFault."""
    # Slow to import, and most commands that open a ledger sign nothing.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        create_file(path, pem, mode=OWNER_ONLY)
    except OSError as fault:
        raise SigningFault(f"{path} cannot be written: {fault.strerror}") from fault
    return FileSigner(key)


def read_key(path: Path) -> FileSigner:
    """Read the key of a file; raises SigningFault."""
    # Likewise.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    try:
        if not is_private(path):
            raise SigningFault(
                f"{path} may be read or written by others; `chmod 600 {path}`, and "
                "rotate the key if somebody may have read it"
            )
        key = load_pem_private_key(read_bounded(path, MOST_BYTES), password=None)
    except OSError as fault:
        raise SigningFault(f"{path} cannot be read: {fault.strerror}") from fault
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningFault(f"{path} holds no private key; restore it") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningFault(f"{path} holds a key of another kind; Ed25519 is needed")
    return FileSigner(key)
