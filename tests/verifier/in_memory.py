"""A bundle that lies nowhere but in memory."""

import io
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass
class InMemory:
    """A bundle of a few bytes; a size may be a lie."""

    files: dict[str, bytes]
    sizes: dict[str, int] = field(init=False)
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sizes = {name: len(content) for name, content in self.files.items()}

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return io.BytesIO(self.files[name])

    def close(self) -> None:
        """Nothing is held."""
