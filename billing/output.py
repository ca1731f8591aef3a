"""Output: standard output and error never fail, count what they lose, and tell nothing.

What is printed leaves by `leaving`: nothing in it acts on a terminal, and no secret is
in it. Whatever goes past that loses its secrets in the streams themselves.
"""

import io
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from billing.domain.foreign_text import each_text, visible_lines
from billing.domain.held_secrets import (
    NO_SECRETS,
    HeldSecrets,
    without_secret_forms,
)

# A pipe that has room takes so much at once, without a wait.
_AT_ONCE = select.PIPE_BUF
_CLOSED = "it is closed"
_STALLED = "nobody reads it"


class _Hidden:
    """The secrets that no output of this process shows."""

    secrets: HeldSecrets = NO_SECRETS


def hide(secrets: HeldSecrets) -> None:
    """Let no output show these secrets, from here to the end of the command."""
    _Hidden.secrets |= secrets


def leaving(text: str) -> str:
    """Return a text as it may be printed."""
    return without_secret_forms(_Hidden.secrets.hidden(visible_lines(text)))


def leaving_document(document: object) -> Any:
    """Return a document of JSON as it may be printed."""
    return each_text(document, leaving)


class LossyFile(io.RawIOBase):
    """Writes to a stream for as long as that takes it; what it does not is counted."""

    def __init__(self, name: str, stream: TextIO | None) -> None:
        """Write to what is behind a stream; None is one that was never opened."""
        super().__init__()
        buffer: Any = getattr(stream, "buffer", None)
        self.name = name
        # Python's own buffer would keep what failed, and fail again at the exit.
        self._target = getattr(buffer, "raw", buffer)
        self._patience: float | None = None
        self._stalled = False
        self._lines = 0
        self._told = 0
        self._why = ""

    def limit_patience(self, seconds: float) -> None:
        """Wait so long for a reader who does not read, and not for ever."""
        self._patience = seconds

    def new_loss(self) -> str | None:
        """Say what was lost since this was asked last; None when nothing was."""
        lines, self._told = self._lines - self._told, self._lines
        if not lines:
            return None
        noun = "line" if lines == 1 else "lines"
        return f"{self.name}: {lines:,} {noun} could not be written ({self._why})"

    def writable(self) -> bool:
        """Say yes, whatever became of the reader."""
        return True

    def isatty(self) -> bool:
        """Say whether a person looks on."""
        return self._target is not None and bool(self._target.isatty())

    def fileno(self) -> int:
        """Return the number of the open file."""
        if self._target is None:
            raise io.UnsupportedOperation(_CLOSED)
        return int(self._target.fileno())

    def write(self, data: Any) -> int:
        """Write some of it, or count the rest as lost; never raises."""
        part = bytes(data[:_AT_ONCE]) if self._patience is not None else bytes(data)
        why = _CLOSED
        try:
            if self._target is not None and self._is_ready():
                written = self._target.write(part)
                if written is not None:
                    return int(written)
            if self._target is not None:
                why = _STALLED
        except OSError as fault:
            why = fault.strerror or str(fault)
        except ValueError as fault:  # closed within this program
            why = str(fault)
        self._lines += max(bytes(data).count(b"\n"), 1)
        self._why = why
        return len(data)

    def _is_ready(self) -> bool:
        """Wait for a reader, as long as patience lasts; none is left after a stall."""
        if self._patience is None:
            return True
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        seconds = 0 if self._stalled else self._patience
        self._stalled = not poll.poll(seconds * 1_000)
        return not self._stalled


class _HidingText(io.TextIOWrapper):
    """A stream of text that calls each secret by its name."""

    def write(self, text: str) -> int:
        """Write a text; whoever prints a secret prints it as a whole."""
        super().write(_Hidden.secrets.hidden(text))
        return len(text)


@contextmanager
def unfailing_output(secrets: HeldSecrets = NO_SECRETS) -> Iterator[None]:
    """Let both streams of this program be such that never fail, in the block.

    They hide these secrets, and those that the block says.
    """
    plain, before = (sys.stdout, sys.stderr), _Hidden.secrets
    _Hidden.secrets = secrets
    sys.stdout = _unfailing("standard output", plain[0])
    sys.stderr = _unfailing("standard error", plain[1])
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = plain
        _Hidden.secrets = before


def new_losses() -> list[str]:
    """Say for each stream what it lost since this was asked last."""
    losses = [file.new_loss() for file in _files()]
    return [loss for loss in losses if loss]


def limit_patience(seconds: float) -> None:
    """Wait so long for readers who do not read, and not for ever."""
    for file in _files():
        file.limit_patience(seconds)


def _files() -> Iterator[LossyFile]:
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError):  # closed within this program
            stream.flush()
        file = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(file, LossyFile):
            yield file


def _unfailing(name: str, stream: TextIO | None) -> TextIO:
    if stream is not None and not hasattr(stream, "buffer"):
        return stream  # a text in memory, which takes everything
    if stream is not None:
        with suppress(OSError, ValueError):
            stream.flush()
    file = LossyFile(name, stream)
    return _HidingText(
        io.BufferedWriter(file),
        encoding=stream.encoding if stream else "utf-8",
        # A sign that a terminal does not have is no reason to stop either.
        errors="backslashreplace",
        newline="",
        line_buffering=file.isatty() or name == "standard error",
    )
