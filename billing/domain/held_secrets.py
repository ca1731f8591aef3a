"""Held secrets: what this process knows and nobody may read, called by its name."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

# Shorter ones would be found everywhere, and hide nothing.
_SHORTEST = 4
# A shorter one may be a word too: it is only looked for between other signs.
_SHORTEST_TOKEN = 12

_IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s'\"<>]*@")
_OPTION = re.compile(
    r"(?i)(password|passwd|pwd|secret|token|(?:api|access)[_-]?key)(\s?=\s?)"
    r"('(?:[^'\\]|\\.)*'|[^\s&;'\"]+)"
)
_KEY = re.compile(r"\b(?:sk|rk|pk|whsec)_[A-Za-z0-9_]{8,}")
_LOGIN = re.compile(
    r"\b([Bb]earer|[Bb]asic|BEARER|BASIC)\s(?=[\w+/.~-]*(?:\d|=|[a-z][A-Z]))"
    r"[\w+/=.~-]{8,}"
)


class HeldSecrets:
    """Secrets with their names; in a text each is replaced by its name."""

    def __init__(self, named: Iterable[tuple[str, str]] = ()) -> None:
        """Know (name, secret) pairs; of a secret with two names the first counts."""
        self._named = tuple(named)
        self._names: dict[str, str] = {}
        for name, secret in self._named:
            for form in _forms(secret.strip()):
                self._names.setdefault(form, name)
        # Of two that begin alike the longer one is meant.
        self._forms = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, self._forms)))

    def __or__(self, other: "HeldSecrets") -> "HeldSecrets":
        return HeldSecrets([*self._named, *other._named])

    def name_in(self, text: str) -> str | None:
        """Return the name of a secret that stands in a text; None for no such."""
        # To look for each in turn takes a fraction of the time of one expression.
        if not any(form in text for form in self._forms):
            return None
        found = self._pattern.search(text)
        return found and self._names[found[0]]

    def hidden(self, text: str) -> str:
        """Return a text with the name of each secret in its place."""
        if self.name_in(text) is None:
            return text
        return self._pattern.sub(
            lambda found: f"(the secret {self._names[found[0]]})", text
        )


def without_secret_forms(text: str) -> str:
    """Return a text without what is a secret by its form, whosever it is.

    That is a password in an address, wherever it stands there; a key, a login.
    """
    if "://" in text:
        text = _IN_ADDRESS.sub(r"\1:***@", text)
    if "=" in text:
        text = _OPTION.sub(r"\1\2***", text)
    text = _KEY.sub("(a key, withheld)", text)
    return _LOGIN.sub(r"\1 ***", text)


def _forms(secret: str) -> Iterator[str]:
    """Spell a secret as servers and libraries may give it back."""
    if len(secret) < _SHORTEST:
        return
    yield secret
    raw = secret.encode("utf-8", "surrogatepass")
    for form in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield form
        yield re.sub("%..", lambda found: found[0].lower(), form)
    yield json.dumps(secret)[1:-1]
    yield ascii(secret)[1:-1]
    for login in (raw, raw + b":", b":" + raw):  # as HTTP's Basic writes it
        yield b64encode(login).decode().rstrip("=")
        yield urlsafe_b64encode(login).decode().rstrip("=")


def _pattern(form: str) -> str:
    escaped = re.escape(form)
    if len(form) < _SHORTEST_TOKEN:
        return rf"(?<![A-Za-z0-9_]){escaped}(?![A-Za-z0-9_])"
    return escaped


NO_SECRETS = HeldSecrets()
