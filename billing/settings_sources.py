"""Where settings come from: files of text, and variables of the environment."""

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from billing.domain.held_secrets import HeldSecrets
from billing.errors import SettingsFault
from billing.files.bounded_file import read_bounded

PREFIX = "PAMELA_BILLING_"
NESTED = "__"
# A hundred thousand customers have half of it.
MOST_BYTES = 16_000_000
# A variable of such a name holds a secret, whether the settings name it or not.
_SECRET_NAME = re.compile(r"(?i)(?:.*_)?(?:(?:pg)?password|passwd|secret|token|key)")
_SHORTEST_SECRET = 8
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


def refuse_empty_variables(sections: Collection[str]) -> None:
    """Refuse a variable of a section that is set, and empty; raises SettingsFault."""
    for variable, value in os.environ.items():
        name = variable.upper()
        section = name.removeprefix(PREFIX).partition(NESTED)[0].lower()
        if name.startswith(PREFIX) and section in sections and not value.strip():
            what = "the variable is empty; give it a value, or unset it"
            raise SettingsFault(variable, what)


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
