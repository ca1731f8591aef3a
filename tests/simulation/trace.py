"""The trace: what happened, in order, and which things happened at all."""

from collections import Counter, deque
from datetime import datetime
from hashlib import blake2b

LINES_SHOWN = 60


class Violation(BaseException):
    """An invariant does not hold; nothing in the product may catch this."""

    def __init__(self, invariant: str, words: str) -> None:
        super().__init__(f"{invariant}: {words}")
        self.invariant = invariant
        self.words = words


class Trace:
    """Lines of one run; their hash tells two runs apart, the last ones are shown."""

    def __init__(self, *, keep_all: bool = False) -> None:
        self._hash = blake2b(digest_size=8)
        self.last: deque[str] = deque(maxlen=None if keep_all else LINES_SHOWN)
        self.happened: Counter[str] = Counter()
        self.steps = 0

    def note(self, now: datetime, who: str, what: str) -> None:
        """Add a line."""
        self.steps += 1
        line = f"{now:%m-%d %H:%M:%S} {who:<3} {what}"
        self.last.append(line)
        self._hash.update(line.encode())

    def sometimes(self, name: str) -> None:
        """Count that something happened which has to happen in some run."""
        self.happened[name] += 1

    def digest(self) -> str:
        """Return the hash of all lines so far."""
        return self._hash.hexdigest()
