"""The rollback marker: how far the trail came, in a file that no restore rewinds."""

import json
import os
from pathlib import Path

from billing.atomic_file import is_private, replace_private_file
from billing.errors import SettingsFault


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
            document = json.loads(self._path.read_text(encoding="utf-8"))
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
        text = json.dumps({"event": sequence, "hash": hashed}) + "\n"
        try:
            replace_private_file(self._path, text.encode())
        except OSError as fault:
            raise SettingsFault(
                str(self._path), f"cannot be written: {fault.strerror}"
            ) from None
