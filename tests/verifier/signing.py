"""Keys for the tests: what signs, from seeds, so that every run has the same ones."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing.verifier.manifest import fingerprint


class TestKey:
    """A key pair."""

    __test__ = False

    def __init__(self, seed: int = 1) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public_key = self._private.public_key().public_bytes_raw()
        self.fingerprint = fingerprint(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        return self._private.sign(message)


# The eight points of the curve that eight times themselves make nothing.
WEAK_KEYS = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
