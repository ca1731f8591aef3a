"""The rollback marker: how far the trail came, in a file that no restore rewinds."""

import json
import os
from contextlib import suppress
from pathlib import Path

from billing.errors import SettingsFault
from billing.files.atomic_file import is_private, replace_private_file
from billing.files.bounded_file import read_bounded

_SIZE = 128  # of the file, in bytes: a number of twenty digits and a hash fit
_MOST_BYTES = 4_096


class FileMemory:
    """Remembers the newest audit event in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_hidden(self) -> bool:
        """Say whether it is there, and may not be read by whoever asks."""
        by_effect = os.access in os.supports_effective_ids
        readable = os.access(self._path, os.R_OK, effective_ids=by_effect)
        return self._path.exists() and not readable

    def last_seen(self) -> tuple[int, str] | None:
        """Return the newest event that was seen; raises SettingsFault."""
        if self._path.is_file() and not is_private(self._path):
            raise SettingsFault(
                str(self._path),
                "others may read or write it, and it says whether the ledger was "
                f"restored; `chmod 600 {self._path}` once you know that it is right",
            )
        try:
            document = json.loads(self._text())
            return int(document["event"]), str(document["hash"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise SettingsFault(
                str(self._path),
                f"cannot be read ({fault}); it remembers how far the audit trail had "
                "come, so put it back, or delete it when you are sure of the database",
            ) from None

    def remember(self, sequence: int, hashed: str) -> None:
        """Keep the newest event, whole or not at all; raises SettingsFault."""
        try:
            replace_private_file(self._path, _content(sequence, hashed))
        except OSError as fault:
            raise SettingsFault(
                str(self._path), f"cannot be written: {fault.strerror}"
            ) from None

    def note(self, sequence: int, hashed: str) -> None:
        """Keep the event of a commit: this survives the process, not a loss of power.

        A file of the right size is written over, which needs no room and takes
        microseconds. What fails is left to the end of the command, which remembers, and
        says so.
        """
        with suppress(OSError, SettingsFault):
            try:
                file = os.open(self._path, os.O_WRONLY)
            except FileNotFoundError:
                self.remember(sequence, hashed)
                return
            try:
                if os.fstat(file).st_size != _SIZE:
                    self.remember(sequence, hashed)
                else:
                    os.write(file, _content(sequence, hashed))
            finally:
                os.close(file)

    def _text(self) -> bytes:
        """Read the file until it says the same twice: another process may write it."""
        text = None
        while text != (text := read_bounded(self._path, _MOST_BYTES)):
            pass
        return text


def _content(sequence: int, hashed: str) -> bytes:
    document = json.dumps({"event": sequence, "hash": hashed})
    return f"{document:<{_SIZE - 1}}\n".encode()
