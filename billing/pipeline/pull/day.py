"""Days: the unit of a pull; each is read whole, then recorded in one commit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import orjson

from billing.domain.call import NotBillable, Quarantined, QuarantineReason
from billing.domain.call_metadata import Withheld
from billing.domain.period import BillingPeriod, Window
from billing.ledger.pull.calls import RatedCall
from billing.ledger.pull.pulls import Certificate
from billing.ledger.pull.quarantine import SetAside
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.paging import read_window
from billing.ports import SourceTotals, UsageSource


@dataclass(slots=True)
class PulledDay:
    """Calls as they were read and rated, and the records that were set aside."""

    pages: int = 0
    readings: list[RatedCall] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)

    def add(self, read: RatedCall | SetAside) -> None:
        """Take in one record as it was rated or set aside."""
        if isinstance(read, SetAside):
            self.set_aside.append(read)
        else:
            self.readings.append(read)


def read_day(
    source: UsageSource,
    book: AccountRules,
    window: Window,
    period: BillingPeriod,
    now: datetime,
) -> PulledDay:
    """Read and rate every call created in a window; raises SourceFault."""
    found = read_window(source, window, lambda record: _rate(book, record, period, now))
    duplicates = found.duplicates
    day = PulledDay(found.pages)
    for name, read in found.records.items():
        if name not in duplicates:
            day.add(read)
    for read in found.anonymous:
        day.add(read)
    for call_id, record in duplicates.items():
        day.add(_duplicate(source.account, call_id, record))
    return day


def rate_records(
    book: AccountRules,
    records: Iterable[object],
    period: BillingPeriod,
    now: datetime,
) -> PulledDay:
    """Rate records that were read; set aside what cannot be understood."""
    day = PulledDay()
    for record in records:
        day.add(_rate(book, record, period, now))
    return day


def _rate(
    book: AccountRules, record: object, period: BillingPeriod, now: datetime
) -> RatedCall | SetAside:
    digest = digest_of(record)
    read = book.read(record, digest, period, now)
    if isinstance(read, Quarantined):
        name = read.call_id or f"?{digest[:16]}"
        return SetAside(
            account=read.account,
            call_id=name,
            reason=read.reason,
            detail=read.detail,
            source_sha256=digest,
        )
    return read


def digest_of(record: object) -> str:
    """Return the SHA-256 of what the source sent, with its keys in order."""
    return sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _duplicate(account: str, call_id: str, record: object) -> SetAside:
    detail = "the id stands on two records of one page that say different things"
    reason = QuarantineReason.DUPLICATE_ID
    return SetAside(
        account=account,
        call_id=call_id,
        reason=reason,
        detail=detail,
        source_sha256=digest_of(record),
    )


@dataclass(slots=True)
class PullCounts:
    """Where each call of a pull went; a call counts once, as it was read last."""

    period: BillingPeriod
    pages: int = 0
    outcomes: dict[str, str | None] = field(default_factory=dict)
    quarantined: dict[str, str] = field(default_factory=dict)
    withheld: Counter[Withheld] = field(default_factory=Counter)

    def __contains__(self, call_id: str) -> bool:
        return call_id in self.outcomes or call_id in self.quarantined

    def add(self, day: PulledDay) -> None:
        """Count a day's calls."""
        self.pages += day.pages
        for reading in day.readings:
            outcome: str | None = reading.not_billable
            if reading.period != self.period:
                outcome = NotBillable.OTHER_MONTH
            self.outcomes[reading.call.call_id] = outcome
            self.quarantined.pop(reading.call.call_id, None)
            self.withheld.update(reading.metadata.withheld)
        for item in day.set_aside:
            self.outcomes.pop(item.call_id, None)
            self.quarantined[item.call_id] = item.reason

    def certificate(self, source: SourceTotals, ledger_minutes: int) -> Certificate:
        """Return the certificate: fetched = billed + not billable + quarantined."""
        outcomes = Counter(self.outcomes.values())
        billed = outcomes.pop(None, 0)
        return Certificate(
            pages=self.pages,
            billed=billed,
            not_billable={str(reason): n for reason, n in outcomes.items()},
            quarantined=Counter(self.quarantined.values()),
            source_call_count=source.call_count,
            source_minutes=source.billed_minutes,
            ledger_minutes=ledger_minutes,
            withheld={why.value: n for why, n in self.withheld.items()},
        )
