"""Hiding: the secrets of the settings stand nowhere but where they belong."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from billing.credentials import held_keys, held_secrets
from billing.domain.held_secrets import HeldSecrets
from billing.errors import BadInput, SettingsFault
from billing.output import hide
from billing.settings import Settings, read_settings

# A settings file says by these where its secrets are.
_REFERENCES = frozenset({"api_key", "url", "proxy", "anchors"})


def hide_secrets(settings_file: Path, typed: Mapping[str, object]) -> None:
    """Let no output show a secret of the settings; refuse one that stands elsewhere.

    That is in another setting or in what was typed, both of which are shown and kept.
    Raises BadInput; settings that cannot be read are left to whoever needs them.
    """
    _refuse_half_characters(typed)
    try:
        settings = read_settings(settings_file)
    except SettingsFault:
        return
    folder = settings_file.parent
    hide(held_secrets(settings, folder))
    keys = held_keys(settings, folder)
    _refuse_in_settings(settings_file, settings, keys)
    for name, word in _words(typed):
        if secret := keys.name_in(word):
            option = name.replace("_", "-")
            raise BadInput(
                f"what was typed for {option} holds the secret {secret}, which belongs "
                "nowhere but in its place; if others may have seen it, replace it"
            )


def _refuse_half_characters(typed: Mapping[str, object]) -> None:
    """Refuse what no database keeps; a file may have such a name."""
    for name, value in typed.items():
        for word in value if isinstance(value, tuple) else (value,):
            if isinstance(word, str) and not word.isprintable():
                try:
                    word.encode()
                except UnicodeEncodeError:
                    option = name.replace("_", "-")
                    what = f"what was typed for {option} is no text in UTF-8"
                    raise BadInput(what) from None


def _refuse_in_settings(file: Path, settings: Settings, keys: HeldSecrets) -> None:
    words = list(_words(settings.model_dump()))
    # No secret has a line's end in it, so all words are searched as one text.
    if keys.name_in("\n".join(word for _, word in words)) is None:
        return
    for place, word in words:
        if secret := keys.name_in(word):
            raise SettingsFault(
                str(file),
                f"{place} holds the secret {secret}; that stands in its own variable "
                "or file, and is named in the settings",
            )


def _words(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text with its place, but for those that say where a secret is."""
    if isinstance(value, str | Path):
        yield place, str(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _REFERENCES or not place:
                where = f"{place}.{key}" if place else str(key)
                if isinstance(item, str):  # as most are, where there are many
                    yield where, item
                else:
                    yield from _words(item, where)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _words(item, place)
