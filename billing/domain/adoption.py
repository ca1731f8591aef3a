"""Adoption: a meter that another program has fed is ours from an hour on.

What stood there before that hour is the other's, the opening: our rows of then are
counted by it and never sent. Where both differ, in a month, a person decides.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AdoptionKind(StrEnum):
    """What a person decided of a customer's meter."""

    CUT_OVER = "cut_over"  # ours from an hour on
    UNDO = "undo"  # the newest cut-over is taken back
    SEND_DIFFERENCE = "send_difference"  # what the opening lacks, or has too much
    LEAVE_DIFFERENCE = "leave_difference"  # the opening is right as it is


@dataclass(frozen=True, slots=True)
class Adoption:
    """A cut-over in force: from when on a customer's minutes are ours to send."""

    id: int
    customer: str
    stripe_customer: str
    meter: str
    livemode: bool
    from_hour: datetime
    at: datetime
    actor: str
    reason: str
