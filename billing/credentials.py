"""Credentials: the secrets that the settings name, read where they are kept."""

import os
from pathlib import Path

from pydantic import SecretStr

from billing.errors import SettingsFault
from billing.settings_sources import read_text

LIVE_KEYS = ("sk_live_", "rk_live_")
TEST_KEYS = ("sk_test_", "rk_test_")


def read_secret(reference: str, *, where: str, folder: Path) -> SecretStr:
    """Fetch a secret named `env:NAME` or `file:PATH`; raises SettingsFault."""
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        value = os.environ.get(name, "")
        if not value.strip():
            how = "empty" if name in os.environ else "not set"
            raise SettingsFault(where, f"the environment variable {name} is {how}")
    elif kind == "file" and name:
        path = folder / name
        try:
            value = read_text(path)
        except SettingsFault as fault:
            raise SettingsFault(where, f"cannot read {fault}") from None
        if not value.strip():
            raise SettingsFault(where, f"{path} is empty")
    else:
        raise SettingsFault(
            where, "name the secret as env:NAME or file:PATH; it never stands here"
        )
    secret = value.strip()
    if not (secret.isascii() and secret.isprintable()):
        raise SettingsFault(where, f"{reference} is not one line of printable ASCII")
    return SecretStr(secret)


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
