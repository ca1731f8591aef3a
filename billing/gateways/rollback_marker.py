"""The memory of the trail: a small file outside the database, never rewound with it."""

import json
import os
from pathlib import Path

from billing.errors import SettingsFault


class FileMemory:
    """Remembers the newest audit event in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last_seen(self) -> tuple[int, str] | None:
        """Return the newest event that was seen; raises SettingsFault."""
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            return int(said["event"]), str(said["hash"])
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
        words = json.dumps({"event": sequence, "hash": hashed}) + "\n"
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(words)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as fault:
            raise SettingsFault(
                str(self._path), f"cannot be written: {fault.strerror}"
            ) from None
