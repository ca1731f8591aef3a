"""What the verifier finds: the first bad record, or that there is nothing to read."""


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
