"""What the verifier finds: the first bad record, or that there is nothing to read."""

import re

_ODD = re.compile(r"[^ -~]")


def shown(name: str) -> str:
    """Return a name as it may be printed."""
    return _ODD.sub("?", name[:80])


def printable(line: str) -> str:
    """Return a line in which nothing acts on a terminal: what would is an escape."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in line
    )


class BadRecord(Exception):
    """A record that proves nothing, or the contrary: where it is, and why."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where, self.why = where, why


class Unreadable(Exception):
    """There is nothing that could be verified; the message says what to do."""


# What Python's own parts raise when they are fed with what nobody should write.
NONSENSE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    ArithmeticError,
    EOFError,
)
