"""Kinds of breaks: which two sides a cause lies between, and what becomes of it."""

from enum import StrEnum
from typing import NamedTuple


class Book(StrEnum):
    """Which two totals a cause lies between, along the way of a minute."""

    SOURCE = "source"  # what Pamela says, and the calls that are posted
    MONTHS = "months"  # the month of a call, and the month it is billed in
    SENDING = "sending"  # what is billed, and what is known as counted
    METER = "meter"  # what is known as counted, and what Stripe shows
    INVOICE = "invoice"  # what Stripe shows, and what it has invoiced


class Resolution(StrEnum):
    """What becomes of a break when nobody does anything."""

    WAITS = "waits"  # the next hours resolve it
    STAYS = "stays"  # a person decides
    CARRIED = "carried"  # the same minutes stand in another month, for good
    DECIDED = "decided"  # a person has decided it already


class Explanation(NamedTuple):
    """What there is to say of a cause."""

    book: Book
    resolution: Resolution
    meaning: str
    remedy: str
