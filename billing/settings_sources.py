"""Where settings come from: files of text, and variables of the environment."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from billing.domain.held_secrets import HeldSecrets
from billing.errors import SettingsFault
from billing.files.bounded_file import read_bounded

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_settings import PydanticBaseSettingsSource as Source

PREFIX = "PAMELA_BILLING_"
NESTED = "__"
# A hundred thousand customers have half of it.
MOST_BYTES = 16_000_000
# A variable of such a name holds a secret, whether the settings name it or not.
_SECRET_NAME = re.compile(r"(?i)(?:.*_)?(?:(?:pg)?password|passwd|secret|token|key)")
_SHORTEST_SECRET = 8

Model = TypeVar("Model", bound="BaseModel")
# The variables that set something, with their values.
Variables = tuple[tuple[str, str], ...]
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read_text(file: Path, most_bytes: int = MOST_BYTES) -> str:
    """Read a file of text; raises SettingsFault, which names it."""
    try:
        content = read_bounded(file, most_bytes)
    except OSError as fault:
        why = (fault.strerror or str(fault)).lower()
        raise SettingsFault(str(file), f"it cannot be read: {why}") from None
    if content.startswith(_BYTE_ORDER_MARKS):
        what = "it cannot be read: save it as UTF-8 without a byte order mark"
        raise SettingsFault(str(file), what)
    try:
        text = content.decode()
    except UnicodeDecodeError as fault:
        what = f"it cannot be read: byte {fault.start} is no text in UTF-8"
        raise SettingsFault(str(file), what) from None
    if "\0" in text:
        raise SettingsFault(str(file), "it cannot be read: it holds bytes, no text")
    return text


def toml_document(file: Path, text: str) -> dict[str, Any]:
    """Return what a file of TOML says; raises SettingsFault, which names it."""
    # The parser of the standard library, but compiled; `--help` has no use for it.
    import tomli  # noqa: PLC0415

    try:
        return tomli.loads(text)
    except (tomli.TOMLDecodeError, RecursionError) as fault:
        raise SettingsFault(str(file), f"cannot be read: {fault}") from None


def variables_of(sections: Collection[str]) -> Variables:
    """Return the variables of the environment that set something of a section."""
    return tuple(
        (variable, value)
        for variable, value in os.environ.items()
        if variable.upper().startswith(PREFIX) and _section(variable) in sections
    )


def _section(variable: str) -> str:
    return variable.upper().removeprefix(PREFIX).partition(NESTED)[0].lower()


def refuse_empty_variables(variables: Variables) -> None:
    """Refuse a variable that is set, and empty; raises SettingsFault."""
    for variable, value in variables:
        if not value.strip():
            what = "the variable is empty; give it a value, or unset it"
            raise SettingsFault(variable, what)


def validated(
    model: type[Model], document: Mapping[str, Any], variables: Variables
) -> Model:
    """Return a document as a model; a variable goes before what the document says.

    Raises ValidationError, and SettingsFault for a variable that is no JSON.
    """
    if not variables:
        fields = {name: name for name in model.model_fields}
        # As the library below takes the names of sections.
        named = {fields.get(key.lower(), key): value for key, value in document.items()}
        return model.model_validate(named)
    # Slow to import, and often no variable is set.
    from pydantic_settings import (  # noqa: PLC0415
        BaseSettings,
        SettingsConfigDict,
        SettingsError,
    )

    class FromEnvironment(model, BaseSettings):  # type: ignore[valid-type, misc]
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter=NESTED
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],  # noqa: ARG003 # the base class's shape
            init_settings: "Source",
            env_settings: "Source",
            dotenv_settings: "Source",  # noqa: ARG003 # likewise
            file_secret_settings: "Source",  # noqa: ARG003 # likewise
        ) -> tuple["Source", ...]:
            """Let the environment go before the file; no other source counts."""
            return env_settings, init_settings

    try:
        settings: Model = FromEnvironment(**document)
    except SettingsError as fault:  # a whole section that a variable gives as JSON
        what = "the environment (PAMELA_BILLING_…)"
        raise SettingsFault(what, f"{fault}; give JSON there") from None
    return settings


def variable_of(path: Sequence[str | int]) -> str | None:
    """Return the variable that sets what stands at a path; None for the file's own."""
    spellings = {variable.upper(): variable for variable in os.environ}
    for length in range(len(path), 0, -1):
        name = PREFIX + NESTED.join(str(part).upper() for part in path[:length])
        if name in spellings:
            return spellings[name]
    return None


def environment_secrets() -> HeldSecrets:
    """Return what the environment holds under names that say it is secret."""
    return HeldSecrets(
        (variable, value.strip())
        for variable, value in os.environ.items()
        if _SECRET_NAME.fullmatch(variable)
        and not variable.upper().startswith(PREFIX)
        and len(value.strip()) >= _SHORTEST_SECRET
    )
