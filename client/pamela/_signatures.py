"""Signatures: who may have sent a webhook."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence

from pamela._decoding import decode_json
from pamela.exceptions import InvalidResponse, ValidationError

SIGNATURE_HEADER = "X-Pamela-Signature"
HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
CANONICAL = (",", ":")
OLD_FORM = (", ", ": ")

Payload = bytes | bytearray | memoryview | str | Mapping[str, object]
Secrets = str | Sequence[str]


def verify_webhook_signature(
    payload: Payload,
    signature: str | bytes | None,
    secret: Secrets,
    *,
    old_form: bool = False,
) -> bool:
    """Say whether a payload was signed with the secret, or with one of several.

    Hand in the raw body: its bytes are tried first, then its canonical JSON. A
    dictionary only has its canonical JSON. `old_form` also takes the spaced JSON that
    was signed before 1.0.2. Only an empty secret raises; nothing that was sent does.
    """
    secrets = check_secrets(secret)
    digest = _hex(signature)
    if digest is None:
        return False
    texts = _signed_texts(payload, old_form=old_form)
    return any(_matches(text, digest, key) for text in texts for key in secrets)


def check_secrets(secret: Secrets) -> tuple[str, ...]:
    """Return one secret or several as several; none may be empty."""
    secrets = [secret] if isinstance(secret, str) else secret
    if isinstance(secrets, list | tuple) and secrets and all(map(_is_filled, secrets)):
        return tuple(secrets)
    raise ValidationError("Webhook secret cannot be empty")


def _matches(text: bytes, signature: bytes, secret: str) -> bool:
    expected = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature)


def _is_filled(secret: object) -> bool:
    return isinstance(secret, str) and _encoded(secret) not in {None, b""}


def _hex(signature: object) -> bytes | None:
    if isinstance(signature, bytes):
        signature = signature.decode("latin-1")
    if not isinstance(signature, str) or not HEX_DIGEST.fullmatch(signature.strip()):
        return None
    return signature.strip().lower().encode("ascii")


def _signed_texts(payload: object, *, old_form: bool) -> list[bytes]:
    forms = [CANONICAL, OLD_FORM] if old_form else [CANONICAL]
    texts: list[bytes | None] = []
    if isinstance(payload, str):
        payload = _encoded(payload)
    if isinstance(payload, bytes | bytearray | memoryview):
        raw = bytes(payload)
        texts.append(raw)
        try:
            payload = decode_json(raw)
        except InvalidResponse:
            payload = None
    if isinstance(payload, Mapping | list):
        texts += [_written(payload, form) for form in forms]
    return [text for text in texts if text is not None]


def _written(payload: object, separators: tuple[str, str]) -> bytes | None:
    try:
        plain = dict(payload) if isinstance(payload, Mapping) else payload
        text = json.dumps(plain, sort_keys=True, separators=separators)
    except (TypeError, ValueError, RecursionError):
        return None
    return _encoded(text)


def _encoded(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None
