"""The archive: the ledger opened on its own, to be read or upgraded, without keys."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from billing.errors import SettingsFault
from billing.gateways.clocks import SandboxClock, SystemClock
from billing.ledger import migration, standing
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.locks import sole_process
from billing.settings import Settings, read_settings

SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger as readers see it: neither keys nor a network are needed."""

    settings: Settings
    ledger: Ledger
    now: datetime


@contextmanager
def opened_books(settings_file: Path) -> Iterator[Books]:
    """Read the settings and open the ledger; raises BillingError."""
    settings = read_settings(settings_file)
    ledger = open_ledger(ledger_url(settings, settings_file.parent))
    try:
        migration.refuse_other_schema(ledger)
        yield Books(settings, ledger, _present(settings, ledger))
    finally:
        ledger.close()


def upgrade_ledger(settings_file: Path) -> str:
    """Bring the ledger's schema up to this code; returns its version.

    Raises SettingsFault, AnotherProcess or LedgerFault.
    """
    url = ledger_url(read_settings(settings_file), settings_file.parent)
    ledger = open_ledger(url)
    try:
        with sole_process(ledger):
            migration.upgrade(url)
    finally:
        ledger.close()
    return migration.head()


def ledger_url(settings: Settings, folder: Path) -> str:
    """Return the ledger's URL, with a relative SQLite path put beside the settings."""
    url = settings.ledger.url
    if url.startswith(SQLITE) and not url.startswith(f"{SQLITE}/"):
        return f"{SQLITE}{(folder / url.removeprefix(SQLITE)).resolve()}"
    return url


def make_clock(settings: Settings) -> SystemClock | SandboxClock:
    """Return this machine's clock, or the sandbox's when the settings name one."""
    url = settings.sandbox.clock_url
    return SandboxClock(url) if url else SystemClock()


def _present(settings: Settings, ledger: Ledger) -> datetime:
    """Return the time; when a sandbox is gone, the last moment the ledger knows."""
    try:
        with closing(make_clock(settings)) as clock:
            return clock.now()
    except SettingsFault:
        with ledger.reading() as connection:
            last = standing.last_moment(connection)
        if last is None:
            raise
        return last
