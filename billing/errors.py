"""The errors of the service, one tree.

BillingError                what failed, where, and what to do; exit code 1
├── BadInput                the user can fix it; exit code 2
│   ├── SettingsFault       the settings file or the environment
│   ├── LedgerUnready       no database, or one not migrated (or newer than the code)
│   ├── UnfitSession        sessions of the database that are not ours alone
│   ├── AnotherProcess      the ledger is in use by another run
│   ├── UnknownName         no customer, account or role of that name
│   ├── LedgerInUse         a PostgreSQL ledger that a daemon works on
│   ├── LedgerMoved         a ledger that is not in force: it went elsewhere
│   ├── TargetRefused       no place to copy a ledger to
│   ├── NoOpenBreak         a break that nobody can acknowledge
│   └── UnfitTarget         a file or folder that cannot be written to
├── SourceFault             Pamela cannot be read
│   ├── SourceUnavailable   no answer, a time-out, a server error, a rate limit
│   ├── SourceRefused       the key is refused, or the subscription lapsed
│   └── SourceUnreadable    an answer that makes no sense
├── AccountRefused          a name of the settings that is not the account it was
├── MeterFault              Stripe cannot be used
│   ├── MeterUnavailable    no answer, a time-out, a server error, a rate limit
│   ├── MeterRefused        the key is refused
│   ├── NoSuchCustomer      Stripe does not know the customer
│   └── MeterUnfit          set up so that minutes would be counted wrongly
├── FileFault               a file could not be written to its end
├── InvariantViolated       the ledger contradicts itself, so nothing is sent
│   ├── UncoveredRows       rows that its audit trail does not cover, or that are gone
│   └── AlteredRows         a row that is not as the audit trail recorded it
├── TrailRewound            the database is older than what was seen of it
├── ClockBehind             an earlier cycle began after what the clock says
├── SigningFault            the audit trail cannot be signed
├── AnchorFault             a head of the trail could not be published
└── LedgerFault             the database failed: locked, full, gone
    ├── UnreadableValue     a row holds what this program never writes
    └── Overtaken           another process moved the same event meanwhile
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike

from billing.domain.listed_names import listed_names
from billing.domain.suggestion import did_you_mean


class BillingError(Exception):
    """Something failed; the message says what, where and what to do."""

    exit_code = 1

    @property
    def kind(self) -> str:
        """Its name in JSON and in the log, which outlives a renaming."""
        return type(self).__name__


class BadInput(BillingError):
    """The user can fix it."""

    exit_code = 2


class SettingsFault(BadInput):
    """The settings cannot be used as they are."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


class LedgerUnready(BadInput):
    """The database is not there, or its schema is not the one of this code."""


class UnfitSession(BadInput):
    """The database does not give what is assumed of a session, or of its role."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the ledger's PostgreSQL: {what}")


class AnotherProcess(BadInput):
    """Another process works on the same ledger."""

    def __init__(self, lock: str) -> None:
        super().__init__(
            f"another pamela-billing process is at work ({lock}); "
            "wait for it to end, or use PostgreSQL to run several"
        )


class LedgerInUse(BadInput):
    """Another process pulls or sends, so the ledger does not stand still."""

    def __init__(self) -> None:
        super().__init__(
            "another pamela-billing process pulls or sends at this moment; stop the "
            "daemons, then run again"
        )


class LedgerMoved(BadInput):
    """The ledger is not in force: it was moved away, or has not wholly arrived."""


class TargetRefused(BadInput):
    """A ledger cannot be copied to a place; nothing was changed."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"nothing was copied to {address}: {why}")


class UnknownName(BadInput):
    """There is nothing of a name; those that there are come with the answer."""

    kind = "BadInput"

    def __init__(self, what: str, name: str, names: Iterable[str], where: str) -> None:
        known = list(names)
        super().__init__(
            f"there is no {what} {name}; {where} {', '.join(known) or 'none'}"
            f"{did_you_mean(name, known)}"
        )


class NoOpenBreak(BadInput):
    """A break is not there, or it is not open any more."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(
            f"break {number} cannot be acknowledged: {why}; "
            "`pamela-billing breaks` lists those that are open"
        )


class UnfitTarget(BadInput):
    """A file or folder cannot be written to; nothing was written."""

    def __init__(self, target: PathLike[str], why: str) -> None:
        super().__init__(
            f"{target} cannot be written: {why}; name a file in a folder that can be"
        )


class FileFault(BillingError):
    """Writing failed half-way; there is no half file under the name."""

    def __init__(self, target: PathLike[str], why: str) -> None:
        super().__init__(
            f"{target} could not be written: {why} (nothing half done is left)"
        )


class SourceFault(BillingError):
    """Pamela cannot be read; the month stays marked incomplete."""

    def __init__(self, account: str, what: str) -> None:
        super().__init__(f"Pamela, account {account}: {what}")
        self.account = account


class SourceUnavailable(SourceFault):
    """Pamela gave no usable answer; a later run may have one."""

    def __init__(self, account: str, what: str, *, retry_after: float = 0) -> None:
        super().__init__(account, what)
        self.retry_after = retry_after


class SourceRefused(SourceFault):
    """Pamela refused the key, or the subscription lapsed."""


class SourceUnreadable(SourceFault):
    """Pamela's answer makes no sense."""


class AccountRefused(BillingError):
    """An account is not pulled: it is not the one that its name stood for."""

    def __init__(self, account: str, why: str) -> None:
        super().__init__(f"account {account} is not pulled: {why}")
        self.account = account


class MeterFault(BillingError):
    """Stripe cannot be used."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Stripe: {what}")


class MeterUnavailable(MeterFault):
    """Stripe gave no usable answer; a later run may have one."""


class MeterRefused(MeterFault):
    """Stripe refused the key."""


class NoSuchCustomer(MeterFault):
    """Stripe does not know the customer, or has deleted it."""


class MeterUnfit(MeterFault):
    """The meter would count minutes wrongly, so nothing is sent."""


# Faults of Stripe as a whole; any other is of what was asked for.
WHOLE_METER = (MeterRefused, MeterUnavailable)


class InvariantViolated(BillingError):
    """The ledger contradicts itself; nothing is sent until it no longer does."""

    kind = "LawBroken"

    def __init__(
        self, faults: Mapping[str, Sequence[str]], so: str = "nothing is sent"
    ) -> None:
        listed = [f"{name}: {listed_names(words)}" for name, words in faults.items()]
        super().__init__(
            f"the ledger violates an invariant, so {so} ({'; '.join(listed)}); run "
            "`pamela-billing db check`, and fix what it names or restore a backup"
        )


class UncoveredRows(InvariantViolated):
    """Rows came or went past the ledger's own door; nothing is read or sent."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__({"audit trail": words}, "nothing is read, written or sent")


class AlteredRows(InvariantViolated):
    """What is to move is not as the trail recorded it; nothing was written."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__({"audit trail": words}, "nothing of it is changed or sent")


class TrailRewound(BillingError):
    """The database was restored, or its trail was cut; nothing is written or sent."""

    def __init__(self, seen: int, found: str) -> None:
        super().__init__(
            f"the ledger is not the one that was seen last: its audit trail had event "
            f"{seen}, and {found}. Nothing is sent: what was sent in between could be "
            "sent twice. Put the newest database back; or, if it is lost, run "
            "`pamela-billing audit accept-restore --reason TEXT`"
        )


class ClockBehind(BillingError):
    """An earlier cycle began well after what the clock says now."""

    def __init__(self, now: datetime, latest: datetime) -> None:
        super().__init__(
            f"this machine's clock says {now:%Y-%m-%dT%H:%MZ}, and a cycle of this "
            f"ledger began at {latest:%Y-%m-%dT%H:%MZ}: one of the two is wrong, and a "
            "clock that is behind bills nothing; set it by a time server (NTP). If it "
            "was ahead at that time, this ends once that time is over"
        )


class SigningFault(BillingError):
    """The audit trail cannot be signed; it goes on unsigned."""


class AnchorFault(BillingError):
    """A head of the audit trail could not be published; it is published later."""

    def __init__(self, anchor: str, what: str) -> None:
        super().__init__(f"the anchor {anchor}: {what}")


class LedgerFault(BillingError):
    """The database failed; what was committed stays, nothing else was written."""


class UnreadableValue(LedgerFault):
    """A row holds what this program never writes: somebody has edited it."""

    def __init__(self, due: str, found: str) -> None:
        super().__init__(
            f"the ledger holds {found[:40]!r} where {due} is due, so somebody edited "
            "it by hand; run `pamela-billing db verify`, which names the row, and put "
            "it back or restore a backup"
        )


class Overtaken(LedgerFault):
    """Another process moved the same event meanwhile; nothing was written here."""

    def __init__(self, identifier: str) -> None:
        super().__init__(
            f"another process works on the event {identifier}; it goes on there, and "
            "nothing was changed here"
        )
        self.identifier = identifier
