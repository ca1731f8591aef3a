"""Call identity: an id is one call of one account, and what it says can be."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, or_, select

from billing.domain.call import DECIDED, Call, QuarantineReason
from billing.domain.period import BillingPeriod
from billing.ledger.pull.accounts import accounts_with_calls, present_labels
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.pull.rated_call import RatedCall
from billing.ledger.schema.tables import call

_BATCH = 5_000
_REVISIONS = (
    select(
        call.c.call_id,
        call.c.revision,
        call.c.extract_sha256,
        call.c.created_at,
        call.c.period,
        call.c.customer,
        call.c.status,
    )
    .where(
        call.c.account == bindparam("account"),
        call.c.call_id.in_(bindparam("names", expanding=True)),
    )
    .order_by(call.c.revision)
)
_OTHERS = (
    select(call.c.account, call.c.call_id, call.c.created_at, call.c.status)
    .where(
        call.c.account.in_(bindparam("accounts", expanding=True)),
        call.c.call_id.in_(bindparam("names", expanding=True)),
        # What a person decided not to bill here is nothing that another may not bill.
        or_(call.c.status != DECIDED, call.c.started_at.is_not(None)),
    )
    .order_by(call.c.revision)
)


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A call as the ledger has it: its newest revision, and when it was created.

    `decided`: that revision is a person's; `was_read`: one of its source's is kept.
    """

    revision: int
    digest: str | None
    created_at: datetime | None
    period: str
    decided: bool = False
    was_read: bool = False

    def is_billed_from(self, first: BillingPeriod) -> bool:
        """Say whether it is of a month that is billed here."""
        return self.revision > 0 and BillingPeriod.parse(self.period) >= first


@dataclass(frozen=True, slots=True)
class CallHold:
    """Why a call that is understood is not taken for what it says."""

    reason: QuarantineReason
    detail: str


UNKNOWN = KnownCall(revision=0, digest=None, created_at=None, period="")


class ListedElsewhere(NamedTuple):
    """A call of the same id in another account, and whether a person decided on it."""

    created_at: datetime | None
    decided: bool = False

    @property
    def is_undated(self) -> bool:
        """Whether it is billed by decision, and may be any call of its id."""
        return self.decided and self.created_at is None


Listings = Mapping[str, ListedElsewhere]


class HeldCall(NamedTuple):
    """A call that is held, not recorded, and why."""

    rated: RatedCall
    hold: CallHold

    @property
    def item(self) -> SetAside:
        """What goes into quarantine."""
        call, due = self.rated.call, self.rated.due
        return SetAside(
            account=call.account,
            call_id=call.call_id,
            reason=self.hold.reason,
            detail=self.hold.detail,
            source_sha256=self.rated.source_sha256,
            period=self.rated.period,
            minutes=due[1].minutes + self.rated.minutes_gap if due else None,
            created_at=call.created_at,
            started_at=call.started_at,
            customer=due[0].customer if due else None,
        )


def known_calls(
    connection: Connection, rated_calls: Sequence[RatedCall]
) -> dict[str, KnownCall]:
    """Return what the ledger has of an account's calls, by their ids."""
    values = {
        "account": rated_calls[0].call.account,
        "names": [rated.call.call_id for rated in rated_calls],
    }
    known: dict[str, KnownCall] = {}
    for row in connection.execute(_REVISIONS, values):
        earlier = known.get(row.call_id, UNKNOWN)
        created_at = earlier.created_at
        if row.status != DECIDED:
            created_at = row.created_at or created_at
        decided = row.status == DECIDED
        known[row.call_id] = KnownCall(
            revision=row.revision,
            digest=row.extract_sha256,
            created_at=created_at,
            period=row.period,
            decided=decided,
            was_read=earlier.was_read or not decided,
        )
    return known


def billed_extracts(
    connection: Connection, account: str, names: Sequence[str]
) -> dict[str, str | None]:
    """Return the digests of calls' newest revisions; None of one that is not billed."""
    extracts: dict[str, str | None] = {}
    for first in range(0, len(names), _BATCH):
        values = {"account": account, "names": names[first : first + _BATCH]}
        for row in connection.execute(_REVISIONS, values):
            extracts[row.call_id] = row.extract_sha256 if row.customer else None
    return extracts


def find_held(
    connection: Connection,
    rated_calls: Sequence[RatedCall],
    known: Mapping[str, KnownCall],
) -> list[HeldCall]:
    """Return those of an account's calls that are not taken for what they say."""
    if not rated_calls:
        return []
    names = [rated.call.call_id for rated in rated_calls]
    new = [name for name in names if not known.get(name, UNKNOWN).was_read]
    others = _listed_by_others(connection, rated_calls[0].call.account, new)
    held = []
    for name, rated in zip(names, rated_calls, strict=True):
        if name not in known and name not in others and rated.contradiction is None:
            continue  # new, as most of a first pull are
        before = known.get(name, UNKNOWN)
        hold = why_held(rated.call, before, others.get(name, {}))
        hold = hold or why_impossible(rated, before)
        if hold is not None:
            held.append(HeldCall(rated, hold))
    return held


def held_calls(
    connection: Connection, rated_calls: Sequence[RatedCall]
) -> list[HeldCall]:
    """Return the calls that a pull would hold; nothing is recorded."""
    held = []
    for first in range(0, len(rated_calls), _BATCH):
        batch = rated_calls[first : first + _BATCH]
        held += find_held(connection, batch, known_calls(connection, batch))
    return held


def _listed_by_others(
    connection: Connection, account: str, names: Collection[str]
) -> Mapping[str, Listings]:
    """Return which other accounts have calls of these ids, by the id."""
    others = accounts_with_calls(connection) - {account}
    if not others or not names:
        return {}
    labels = present_labels(connection)
    listings: dict[str, dict[str, ListedElsewhere]] = {}
    values = {"accounts": sorted(others), "names": names}
    for row in connection.execute(_OTHERS, values):
        label = labels.get(row.account, row.account)
        listing = ListedElsewhere(row.created_at, row.status == DECIDED)
        listings.setdefault(row.call_id, {})[label] = listing
    return listings


def why_held(call: Call, known: KnownCall, others: Listings) -> CallHold | None:
    """Say why a call is held: its id was used again, or another account has it."""
    created_at = call.created_at
    if known.created_at and created_at and created_at != known.created_at:
        return CallHold(
            QuarantineReason.ID_REUSED,
            f"created_at was {known.created_at.isoformat()}, and now it is "
            f"{created_at.isoformat()}: the id stands for another call",
        )
    if known.was_read:
        return None
    for label, there in sorted(others.items()):
        if there.is_undated:
            return CallHold(
                QuarantineReason.CALL_IN_TWO_ACCOUNTS,
                f"the account {label} bills one of this id as a person decided, and "
                "nothing tells when that one was created",
            )
        if there.created_at == created_at:
            return CallHold(
                QuarantineReason.CALL_IN_TWO_ACCOUNTS,
                f"the account {label} lists it too, created at the same moment",
            )
    return None


def why_impossible(rated: RatedCall, known: KnownCall) -> CallHold | None:
    """Say what of a revision contradicts itself, when it is read for the first time.

    What was recorded before anybody looked stays as it is.
    """
    if rated.contradiction is None or known.digest == rated.extract_sha256:
        return None
    return CallHold(QuarantineReason.TIMES_CONTRADICT, rated.contradiction)
