"""Laws: what must always hold in the ledger; while one is broken, nothing is sent."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple


class Law(StrEnum):
    """What always holds; each member is spelled as people are told of it."""

    FILE = "file"
    CONSERVATION = "conservation"
    ATTRIBUTION = "attribution"
    CORRECTIONS = "corrections"
    REVISIONS = "revisions"
    EXTRACTS = "extracts"
    SOURCES = "sources"
    PULLS = "pulls"
    OVERLAP = "overlap"
    EVENTS = "events"
    IDENTIFIERS = "identifiers"
    RESENDS = "resends"
    EVIDENCE = "evidence"
    TOTALS = "totals"
    CLOSED = "closed months"
    TRAIL = "audit trail"


SENTENCES = {
    Law.FILE: "the database file is whole, and points nowhere into the void",
    Law.CONSERVATION: "the rows of a call are what its newest revision is rated at",
    Law.ATTRIBUTION: "a row stands in the month and hour of its call, or in a later "
    "month when that one is closed",
    Law.CORRECTIONS: "a correction names the row it corrects, and is the difference",
    Law.REVISIONS: "the revisions of a call have no gap, and each says something new",
    Law.EXTRACTS: "what is kept of a call is what was read of it",
    Law.SOURCES: "every row of usage goes back to a call that is kept",
    Law.PULLS: "what a pull fetched is billed, not billable or quarantined",
    Law.OVERLAP: "a pull begins two days before the one that it goes on from",
    Law.EVENTS: "a meter event reports just the rows that it carries",
    Law.IDENTIFIERS: "an identifier says the mode, meter, customer, hour and sequence",
    Law.RESENDS: "nothing is resent 23 hours after an attempt of unknown outcome",
    Law.EVIDENCE: "what counts as reported has evidence that it was",
    Law.TOTALS: "no customer's reported total of a month is below zero",
    Law.CLOSED: "a closed month is as it was when it was closed",
    Law.TRAIL: "the audit trail accounts for every row, and its chain is whole",
}


class Fault(NamedTuple):
    """A law that is broken, and where."""

    law: Law
    words: str


Faults = Iterator[Fault]
