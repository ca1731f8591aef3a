"""Credentials: the secrets that the settings name, read where they are kept."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from billing.domain.held_secrets import HeldSecrets
from billing.errors import SettingsFault
from billing.settings import Settings
from billing.settings_sources import environment_secrets, read_text

LIVE_KEYS = ("sk_live_", "rk_live_")
TEST_KEYS = ("sk_test_", "rk_test_")
# A secret is held in a dozen spellings, to be found in what is printed.
MOST_BYTES_OF_A_SECRET = 65_536
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_OPTION = re.compile(r"(?i).*(?:password|secret|token|key)")


def read_secret(reference: str, *, where: str, folder: Path) -> SecretStr:
    """Fetch a secret named `env:NAME` or `file:PATH`; raises SettingsFault."""
    kind, _, name = reference.partition(":")
    if kind == "env" and _VARIABLE.fullmatch(name) and not _is_key(name):
        value = os.environ.get(name, "")
        if not value.strip():
            how = "empty" if name in os.environ else "not set"
            raise SettingsFault(where, f"the environment variable {name} is {how}")
    elif kind == "file" and name:
        path = folder / name
        try:
            value = read_text(path, MOST_BYTES_OF_A_SECRET)
        except SettingsFault as fault:
            raise SettingsFault(where, f"cannot read {fault}") from None
        if not value.strip():
            raise SettingsFault(where, f"{path} is empty")
    else:
        raise SettingsFault(
            where, "name the secret as env:NAME or file:PATH; it never stands here"
        )
    secret = value.strip()
    # What is no token may be anything, such as two keys: none of it is shown.
    if not all("!" <= character <= "~" for character in secret):
        what = f"{reference} is not one line of printable ASCII without spaces"
        raise SettingsFault(where, what)
    return SecretStr(secret)


def held_keys(settings: Settings, folder: Path) -> HeldSecrets:
    """Return the secrets that the settings name, and that can be read."""
    return HeldSecrets(_keys(settings, folder))


def held_secrets(settings: Settings, folder: Path) -> HeldSecrets:
    """Return all secrets that this process can come to hold, by their names.

    What cannot be read is left out: whoever needs it says so.
    """
    keys = list(_keys(settings, folder))
    addresses = [
        *keys,
        ("ledger.url", settings.ledger.url),
        ("audit.s3_endpoint", settings.audit.s3_endpoint or ""),
    ]
    passwords = [
        (name, password)
        for name, address in addresses
        for password in _passwords(address)
    ]
    return HeldSecrets([*keys, *passwords]) | environment_secrets()


def _keys(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    references = [
        ("stripe.api_key", settings.stripe.api_key),
        *(
            (f"accounts.{account.name}.api_key", account.api_key)
            for account in settings.accounts
        ),
        *(
            ("audit.anchors", place.removeprefix("notify:"))
            for place in settings.audit.anchors
        ),
        ("network.proxy", settings.network.proxy or ""),
    ]
    for name, reference in references:
        with suppress(SettingsFault):
            secret = read_secret(reference, where=name, folder=folder)
            yield name, secret.get_secret_value()


def _passwords(address: str) -> Iterator[str]:
    """Yield the passwords that stand in an address, as they are when it is read."""
    if "://" not in address:
        return
    try:
        parts = urlsplit(address)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        return
    if password:
        yield password
        yield f"{user}:{password}"
    for option, value in parse_qsl(parts.query):
        if _SECRET_OPTION.fullmatch(option):
            yield value


def _is_key(name: str) -> bool:
    return name.startswith((*LIVE_KEYS, *TEST_KEYS))


def is_live(key: SecretStr) -> bool:
    """Say whether a Stripe key is a live one; raises SettingsFault for neither."""
    text = key.get_secret_value()
    if text.startswith(LIVE_KEYS):
        return True
    if text.startswith(TEST_KEYS):
        return False
    raise SettingsFault(
        "stripe.api_key", "not a Stripe secret key (sk_live_, sk_test_, rk_…)"
    )
