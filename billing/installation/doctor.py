"""The whole check: settings, keys, both APIs, every customer, ledger, clock."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

from billing.adapters import make_gate, make_meter, make_source, make_trail
from billing.domain.invariants import SENTENCES
from billing.domain.period import cycle_months
from billing.domain.rating import NoPrice, PriceList
from billing.domain.signed_head import fingerprint
from billing.errors import BillingError, LedgerUnready, SettingsFault, UnfitSession
from billing.files.atomic_file import is_private
from billing.gateways.word_gate import WordGate
from billing.ledger import migration
from billing.ledger.adopt.shadow import ShadowRule
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.integrity.find_faults import find_faults
from billing.ledger.move.marks import why_not_in_force
from billing.ledger.rights import refuse_reader
from billing.ledger.sync.send_holds import holds_in_force
from billing.offline import ledger_url, make_clock
from billing.pipeline.concurrency import THREADS
from billing.pipeline.doctor.accounts import check_accounts
from billing.pipeline.doctor.checks import (
    Check,
    check_customers,
    check_meter_setup,
    check_source,
    failed,
)
from billing.pipeline.doctor.contact_checks import check_contacts
from billing.pipeline.doctor.outcome_checks import check_outcomes
from billing.pipeline.doctor.shadow_checks import check_shadow, in_shadow
from billing.pipeline.doctor.subscriptions import ExpectedTerms, check_subscriptions
from billing.pipeline.signing import refuse_rewound
from billing.ports import Clock, Meter
from billing.settings import AccountSettings, Settings, read_settings

SETTINGS = "settings"


def doctor_checks(settings_file: Path) -> list[Check]:
    """Look at everything that the settings name; a fault does not end the rest."""
    try:
        settings = read_settings(settings_file)
    except SettingsFault as fault:
        return [failed(SETTINGS, fault, "fix the file, or write it with `init`")]
    folder = settings_file.parent
    checks = [
        Check(SETTINGS, True, f"{settings_file} is understood"),
        *_ledger(settings, folder),
    ]
    with closing(make_clock(settings)) as clock:
        try:
            now = clock.now()
        except SettingsFault as fault:
            remedy = "start the sandbox, or take [sandbox] clock_url out of the file"
            return [*checks, failed("clock", fault, remedy)]
        gate = make_gate(settings, folder)
        for account in settings.accounts:
            checks += _account(settings, account, folder, clock, gate)
        checks += _identities(settings, folder, clock, gate)
        checks += _outcomes(settings, folder, now)
        return [*checks, *_stripe(settings, folder, clock, gate)]


def _ledger(settings: Settings, folder: Path) -> Iterator[Check]:
    remedy = "run `pamela-billing db upgrade`"
    try:
        ledger = open_ledger(ledger_url(settings, folder))
    except SettingsFault as fault:
        yield failed("ledger", fault, "fix [ledger] url in the settings")
        return
    with closing(ledger):
        try:
            migration.refuse_other_schema(ledger)
        except UnfitSession as fault:
            yield failed("sessions", fault, "see *Poolers* in the README")
            return
        except BillingError as fault:
            yield failed("ledger", fault, remedy)
            return
        yield _in_force(ledger)
        yield from _sessions(ledger)
        yield from _invariants(ledger)
        yield _trail(settings, folder, ledger)
        yield _modes(settings, folder, ledger)
        yield from _holds(ledger)


def _in_force(ledger: Ledger) -> Check:
    """Say whether this ledger is the one to use, or was moved elsewhere."""
    with ledger.reading() as connection:
        moved = why_not_in_force(connection)
    if moved:
        remedy = "put the address of the ledger that is in force into the settings"
        return Check("ledger", False, moved, remedy)
    return Check("ledger", True, f"at schema {migration.head()}")


def _holds(ledger: Ledger) -> Iterator[Check]:
    with ledger.reading() as connection:
        holds = holds_in_force(connection)
    for hold in holds:
        yield Check("sending", False, hold.sentence(), "release it when it is safe")


def _sessions(ledger: Ledger) -> Iterator[Check]:
    """Say what was asked of PostgreSQL's sessions, and what the role may do."""
    if ledger.on_sqlite:
        return
    kept = "each is ours alone, its locks hold; UTC, synchronous_commit = on"
    yield Check("sessions", True, kept)
    try:
        refuse_reader(ledger)
    except BillingError as fault:
        yield failed("rights", fault, "see *Who may read* in the README")
        return
    yield Check("rights", True, "the role may do what the service does")


def _trail(settings: Settings, folder: Path, ledger: Ledger) -> Check:
    """Look at the trail's key, and that the ledger is the one that was seen last."""
    name = "audit trail"
    try:
        trail = make_trail(settings, folder)
        refuse_rewound(ledger, trail.memory)
    except BillingError as fault:
        return failed(name, fault, "see `pamela-billing audit --help`")
    if trail.signer is None:
        sentence = f"{settings.audit.key} is not there, so nobody signs the trail"
        return Check(
            name, True, sentence, "run `pamela-billing audit sign`, which makes it"
        )
    key, anchors = fingerprint(trail.signer.public_key), len(trail.anchors)
    where = f"published to {anchors} anchors" if anchors else "published nowhere"
    return Check(name, True, f"signed by the key {key}, {where}")


def _modes(settings: Settings, folder: Path, ledger: Ledger) -> Check:
    """Look for files that others may read or write; key and marker are refused."""
    secrets = [settings.stripe.api_key, *(a.api_key for a in settings.accounts)]
    files = [folder / s.removeprefix("file:") for s in secrets if s.startswith("file:")]
    if ledger.file is not None:
        files += [Path(f"{ledger.file}{end}") for end in ("", "-wal", "-shm", ".lock")]
    shared = [str(f) for f in files if f.exists() and not is_private(f)]
    if not shared:
        return Check("files", True, "the ledger's and the secrets' are private")
    more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
    found = f"others may read or write {', '.join(shared[:3])}{more}"
    return Check("files", True, found, f"run `chmod 600 {' '.join(shared[:3])}`")


def _invariants(ledger: Ledger) -> Iterator[Check]:
    remedy = "fix the rows it names, or restore a backup; nothing is sent until then"
    try:
        with ledger.reading() as connection:
            violations = find_faults(connection)
    except BillingError as fault:
        yield failed("laws", fault, "see that the database can be read")
        return
    for invariant, words in violations.items():
        sentence = "; ".join(words) or SENTENCES[invariant]
        name = f"law of {invariant}"
        yield Check(name, not words, sentence, remedy if words else "")


def _account(
    settings: Settings,
    account: AccountSettings,
    folder: Path,
    clock: Clock,
    gate: WordGate,
) -> Iterator[Check]:
    name = account.name
    try:
        source = make_source(settings, account, folder, clock.sleep, gate)
    except SettingsFault as fault:
        yield failed(f"account {name}", fault, f"give the account {name} its key")
        return
    with closing(source):
        yield from check_source(name, source.server_time, clock)


def _identities(
    settings: Settings, folder: Path, clock: Clock, gate: WordGate
) -> Iterator[Check]:
    """Ask every account who it is, where its key and the ledger can be had."""
    try:
        with _ready_ledger(settings, folder) as ledger, ExitStack() as stack:
            sources = [
                make_source(settings, account, folder, clock.sleep, gate)
                for account in settings.accounts
            ]
            for source in sources:
                stack.callback(source.close)
            yield from check_accounts(ledger, sources, THREADS)
    except BillingError:
        return  # the checks of the ledger and the keys say so


def _outcomes(settings: Settings, folder: Path, now: datetime) -> Iterator[Check]:
    try:
        with _ready_ledger(settings, folder) as ledger:
            yield from check_outcomes(ledger, now, settings.stripe.grace)
    except BillingError:
        return  # the checks of the ledger say so


@contextmanager
def _ready_ledger(settings: Settings, folder: Path) -> Iterator[Ledger]:
    """Open the ledger, where it has this code's schema; raises BillingError."""
    with closing(open_ledger(ledger_url(settings, folder))) as ledger:
        migration.refuse_other_schema(ledger)
        yield ledger


def _stripe(
    settings: Settings, folder: Path, clock: Clock, gate: WordGate
) -> Iterator[Check]:
    try:
        meter, livemode = make_meter(settings, folder, clock.sleep, gate)
    except SettingsFault as fault:
        yield failed("Stripe", fault, "give [stripe] api_key a secret key")
        return
    with closing(meter):
        checks = list(check_meter_setup(meter, livemode=livemode))
        yield from checks
        if checks[0].passed:
            customers = {c.name: c.stripe_customer for c in settings.customers}
            yield from check_customers(meter, customers)
            yield from _contacts(
                settings, folder, meter, customers, clock.now(), livemode=livemode
            )
            yield from _terms(settings, meter, customers, clock.now())


def _contacts(
    settings: Settings,
    folder: Path,
    meter: Meter,
    customers: dict[str, str],
    now: datetime,
    *,
    livemode: bool,
) -> Iterator[Check]:
    try:
        ledger = open_ledger(ledger_url(settings, folder))
    except SettingsFault:
        return  # which is said where the ledger is looked at
    with closing(ledger):
        try:
            migration.refuse_other_schema(ledger)
            is_on = settings.stripe.send == "shadow"
            rule = ShadowRule(is_on, customers, meter.event_name, livemode)
            periods = cycle_months(now, settings.first_period)
            yield from check_shadow(ledger, rule, periods)
            shadow = in_shadow(ledger, rule)
            sent = {n: c for n, c in customers.items() if n not in shadow}
            if sent or not is_on:
                yield from check_contacts(ledger, meter, sent, now)
        except LedgerUnready:
            return
        except BillingError as fault:
            yield failed("first contact", fault, "check the ledger and [stripe]")


def _terms(
    settings: Settings, meter: Meter, customers: dict[str, str], now: datetime
) -> Iterator[Check]:
    try:
        price = PriceList(price.price() for price in settings.prices).at(now)
    except (ValueError, NoPrice) as fault:
        yield Check("prices", False, str(fault), "fix [[prices]] in the settings")
        return
    ours = ExpectedTerms(price, settings.stripe.grace, now)
    yield from check_subscriptions(meter, customers, ours)
