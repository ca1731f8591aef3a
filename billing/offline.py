"""Offline: the ledger opened on its own, to be read or upgraded, without keys."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from billing.domain.period import BillingPeriod, Month, period_at
from billing.domain.signed_head import fingerprint
from billing.errors import (
    BadInput,
    BillingError,
    LedgerMoved,
    SettingsFault,
    SigningFault,
)
from billing.files.atomic_file import OWNER_ONLY, make_private, move_file, new_file
from billing.gateways.clocks import RemoteClock, SystemClock
from billing.gateways.rollback_marker import FileMemory
from billing.gateways.signing_key import FileSigner, make_key, read_key
from billing.ledger import migration
from billing.ledger.adopt.shadow import ShadowRule
from billing.ledger.audit import schema_history
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import last_moment
from billing.ledger.audit.rewound import refuse_rewound_trail
from billing.ledger.backup import LastEvent, copy_ledger, refuse_backup_elsewhere
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.known_months import holds_month
from billing.ledger.locking.locks import exclusive_process
from billing.ledger.move.guard import guard_moved, guard_rewound, refuse_upgrade
from billing.ledger.move.marks import refuse_moved
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.settings import Settings, read_settings

SQLITE = "sqlite:///"
UPGRADER = "pamela-billing db upgrade"


@dataclass(frozen=True, slots=True)
class OfflineLedger:
    """The ledger as readers see it: neither keys nor a network are needed."""

    settings: Settings
    ledger: Ledger
    now: datetime

    @property
    def shadow(self) -> ShadowRule:
        """For whom nothing is sent, as far as is known without a key."""
        stripe, customers = self.settings.stripe, self.settings.customers
        names = {each.name: each.stripe_customer for each in customers}
        return ShadowRule(stripe.send == "shadow", names, stripe.meter)

    def readable_period(self, month: Month) -> BillingPeriod:
        """Return the period of a month that is in the ledger or can be pulled.

        Raises BadInput for any other.
        """
        period = period_at(month, self.now)
        reason = why_not_billed(period, self.settings, self.now)
        if reason is not None:
            with self.ledger.reading() as connection:
                if not holds_month(connection, period):
                    raise BadInput(f"the ledger holds nothing of {period}: it {reason}")
        return period


def why_not_billed(
    period: BillingPeriod, settings: Settings, now: datetime
) -> str | None:
    """Return why a month is not billed here; None when it is."""
    if period < settings.first_period:
        first = settings.first_period
        return f"is before first_period ({first}) in the settings, so it is not billed"
    if period.start > now:
        return f"has not begun (this month is {BillingPeriod.of(now)})"
    return None


@contextmanager
def opened_ledger(
    settings_file: Path, *, even_rewound: bool = False
) -> Iterator[OfflineLedger]:
    """Read the settings and open the ledger; raises BillingError.

    One that was rewound can be read, and refuses every write unless `even_rewound`; one
    that was moved refuses every write.
    """
    settings = read_settings(settings_file)
    ledger = open_ledger(ledger_url(settings, settings_file.parent))
    try:
        migration.refuse_other_schema(ledger)
        if even_rewound:
            guard_moved(ledger)
        else:
            guard_writes(ledger, settings, settings_file.parent)
        yield OfflineLedger(settings, ledger, _time_of(settings, ledger))
    finally:
        ledger.close()


def guard_writes(ledger: Ledger, settings: Settings, folder: Path) -> None:
    """Let a ledger refuse every write if it is not the one seen last, or was moved."""
    guard_moved(ledger)
    memory = FileMemory(folder / settings.audit.memory)
    guard_rewound(ledger, memory.last_seen, memory.note)


def restored_ledger(settings: Settings, folder: Path, ledger: Ledger) -> str | None:
    """Say why a ledger is not the one that was seen last; None when it is.

    Who may read the ledger, and not its marker, is not told.
    """
    memory = FileMemory(folder / settings.audit.memory)
    if memory.is_hidden():
        return None
    try:
        seen = memory.last_seen()
        with ledger.reading() as connection:
            refuse_moved(connection)
            refuse_rewound_trail(connection, seen)
    except LedgerMoved:
        return None
    except BillingError as fault:
        return str(fault)
    return None


def upgrade_ledger(settings_file: Path) -> str:
    """Bring the ledger's schema up to this code; returns its version.

    Raises SettingsFault, AnotherProcess, LedgerMoved or LedgerFault.
    """
    settings = read_settings(settings_file)
    url = ledger_url(settings, settings_file.parent)
    ledger = open_ledger(url)
    try:
        # Earlier versions let others read the rollback marker.
        make_private(settings_file.parent / settings.audit.memory)
        with exclusive_process(ledger):
            refuse_upgrade(ledger)
            migration.upgrade(url)
            _record_upgrade(ledger, settings)
    finally:
        ledger.close()
    return migration.head()


def _record_upgrade(ledger: Ledger, settings: Settings) -> None:
    """Let the audit trail say which schema the ledger is at, and what guards it."""
    try:
        now = _clock_time(settings)
    except SettingsFault:  # no sandbox runs
        now = SystemClock().now()
    with ledger.writing() as connection:
        schema_history.record_upgrade(
            connection, Actor(UPGRADER, now), migration.head()
        )


def state_sole(settings_file: Path, who: str, reason: str) -> None:
    """Record that a person states that nothing else reports to the meter."""
    with (
        opened_ledger(settings_file) as opened,
        exclusive_process(opened.ledger),
        opened.ledger.writing() as connection,
    ):
        state_sole_reporter(connection, Actor(who, opened.now), reason)


def backup_ledger(settings_file: Path, target: Path) -> LastEvent:
    """Save the ledger in a new file; returns the newest audit event in it.

    Raises BadInput, UnfitTarget, FileFault or LedgerFault, and then leaves no file.
    """
    with opened_ledger(settings_file) as opened:
        refuse_backup_elsewhere(opened.ledger, target)
        with new_file(target, mode=OWNER_ONLY) as part:
            return copy_ledger(opened.ledger, part)


def ensure_key(settings_file: Path) -> str:
    """Make the key that signs the audit trail, unless it is there; returns its name.

    Raises SettingsFault or SigningFault.
    """
    return fingerprint(_read_or_make(_key_file(settings_file)).public_key)


def signing_key(settings_file: Path) -> FileSigner:
    """Return the key that signs the audit trail; raises SettingsFault, SigningFault."""
    path = _key_file(settings_file)
    if not path.exists():
        raise SigningFault(
            f"there is no key {path}; `pamela-billing audit sign` makes one, or put "
            "back the one that was there"
        )
    return read_key(path)


class NewKey(NamedTuple):
    """A key that waits beside the one in force."""

    name: str
    signer: FileSigner


def make_key_beside(settings_file: Path) -> NewKey:
    """Make the next key, unless one waits already; raises SigningFault."""
    signer = _read_or_make(_waiting(settings_file))
    return NewKey(fingerprint(signer.public_key), signer)


def put_key_in_place(settings_file: Path) -> None:
    """Let the key that waits be the one in force, and keep the old one beside it."""
    path = _key_file(settings_file)
    old = fingerprint(read_key(path).public_key)
    move_file(path, path.with_name(f"{path.name}.{old}"))
    move_file(_waiting(settings_file), path)


def _read_or_make(path: Path) -> FileSigner:
    return read_key(path) if path.exists() else make_key(path)


def _key_file(settings_file: Path) -> Path:
    return settings_file.parent / read_settings(settings_file).audit.key


def _waiting(settings_file: Path) -> Path:
    path = _key_file(settings_file)
    return path.with_name(f"{path.name}.new")


def ledger_url(settings: Settings, folder: Path) -> str:
    """Return the ledger's URL, with a relative SQLite path put beside the settings."""
    return placed_url(settings.ledger.url, folder)


def placed_url(url: str, folder: Path) -> str:
    """Return a ledger's URL, with a relative SQLite path put into a folder."""
    if url.startswith(SQLITE) and not url.startswith(f"{SQLITE}/"):
        return f"{SQLITE}{(folder / url.removeprefix(SQLITE)).resolve()}"
    return url


def make_clock(settings: Settings) -> SystemClock | RemoteClock:
    """Return this machine's clock, or the sandbox's when the settings name one."""
    url = settings.sandbox.clock_url
    return RemoteClock(url) if url else SystemClock()


def _clock_time(settings: Settings) -> datetime:
    with closing(make_clock(settings)) as clock:
        return clock.now()


def _time_of(settings: Settings, ledger: Ledger) -> datetime:
    """Return the time; when a sandbox is gone, the last moment the ledger knows."""
    try:
        return _clock_time(settings)
    except SettingsFault:
        with ledger.reading() as connection:
            last = last_moment(connection)
        if last is None:
            raise
        return last
