"""Patience: how long one exchange with an API may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that each step of an exchange may take, and that all of it may."""

    step: float = 30.0
    whole: float = 60.0


USUAL = Patience()
