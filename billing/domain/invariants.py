"""Invariants: what must always hold in the ledger; nothing is sent while one fails."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

NOTHING_IS_SENT = "nothing is sent until `pamela-billing db check` passes"


class Invariant(StrEnum):
    """What always holds; each member is spelled as people read it."""

    FILE = "file"
    CONSERVATION = "conservation"
    ATTRIBUTION = "attribution"
    CORRECTIONS = "corrections"
    REVISIONS = "revisions"
    EXTRACTS = "extracts"
    SOURCES = "sources"
    PULLS = "pulls"
    OVERLAP = "overlap"
    PASSED_OVER = "passed over"
    EVENTS = "events"
    IDENTIFIERS = "identifiers"
    RESENDS = "resends"
    EVIDENCE = "evidence"
    COUNTED = "counted once"
    REGISTERED = "registered"
    TOTALS = "totals"
    CLOSED = "closed months"
    TRAIL = "audit trail"


SENTENCES = {
    Invariant.FILE: "the database file is whole, and no row refers to one that is gone",
    Invariant.CONSERVATION: "the rows of a call are what its newest revision is rated "
    "at",
    Invariant.ATTRIBUTION: "a row stands in the month and hour of its call, or in a "
    "later month when that one is closed",
    Invariant.CORRECTIONS: "a correction names the row it corrects, and is the "
    "difference",
    Invariant.REVISIONS: "the revisions of a call have no gap, and each says "
    "something new",
    Invariant.EXTRACTS: "what is kept of a call is what was read of it",
    Invariant.SOURCES: "every row of usage goes back to a call that is kept",
    Invariant.PULLS: "what a pull fetched is billed, not billable or quarantined",
    Invariant.OVERLAP: "a pull begins two days before the one that it goes on from",
    Invariant.PASSED_OVER: "a call of another month that a pull met is in the ledger",
    Invariant.EVENTS: "a meter event reports just the rows that it carries",
    Invariant.IDENTIFIERS: "an identifier says the mode, meter, customer, hour and "
    "sequence",
    Invariant.RESENDS: "nothing is resent 23 hours after an attempt of unknown outcome",
    Invariant.EVIDENCE: "what counts as reported has evidence that it was",
    Invariant.COUNTED: "what its last answer showed as counted is not to be sent",
    Invariant.REGISTERED: "customers, accounts and what was given up are as the trail "
    "says",
    Invariant.TOTALS: "no customer's reported total of a month is below zero",
    Invariant.CLOSED: "a closed month is as it was when it was closed",
    Invariant.TRAIL: "the audit trail accounts for every row, and its chain is whole",
}


class Violation(NamedTuple):
    """An invariant that does not hold, and where."""

    invariant: Invariant
    words: str


Violations = Iterator[Violation]
