"""The first settings file: one for real keys, with examples, or one for a sandbox."""

from collections.abc import Mapping
from pathlib import Path

from billing.domain.period import BillingPeriod
from billing.domain.request_rates import LIMITS, LIVE
from billing.errors import BadInput
from billing.files.atomic_file import OWNER_ONLY, replace_file
from billing.installation.sandbox_facts import SandboxFacts, SandboxLimits, read_facts
from billing.offline import ensure_key, state_sole, upgrade_ledger

INITIATOR = "pamela-billing init"
UNLIMITED = 100_000
A_SANDBOX = "it is a sandbox, which only this ledger reports to"
REAL = """\
# The settings of pamela-billing. `pamela-billing doctor` checks all of them.
# Secrets never stand here: they are named, as env:NAME or file:PATH (beside this file).

# report_metadata = ["campaign"]       # keys of calls' metadata that reports group by
# metadata_retention_days = 90         # after which what they said is erased

[ledger]
url = "sqlite:///billing.db"           # or postgresql+psycopg://USER@HOST/DATABASE

[stripe]
api_key = "env:STRIPE_API_KEY"         # sk_live_..., sk_test_..., or a restricted key
meter = "stripe_minutes"               # the meter's event name
# send = "shadow"                      # only read and compare: another program feeds it
# events_per_second = 900              # default: 900 with a live key, 20 in test mode
# most_senders = 128                   # requests at once; fewer when answers are quick
grace_hours = 1                        # how long Stripe keeps invoices open: 1 to 72
# negative = "event"                   # or "hold": nothing below zero is ever sent
# rearm = true                         # send again, unasked, what was proved absent

[billing]
first_period = "{period}"               # the first month that is billed from here

# [calls]                              # what cannot be right is set aside
# longest_seconds = 3600               # no call is longer
# tolerance_seconds = 60               # its times may be off its duration by so much,
# tolerance_percent = 10               # or by so much of it

[audit]
key = "audit.key"                      # signs the audit trail; `init` makes it: keep it
memory = "billing.trail"               # how far the trail came: not to be restored
# anchors = ["folder:/mnt/elsewhere"]  # also s3://BUCKET/PREFIX, notify:env:NAME

[[accounts]]                           # one for each Pamela API key
name = "main"
api_key = "env:PAMELA_API_KEY"
customer = "acme"                      # whose the calls are, unless metadata says so
# customer_metadata_key = "customer"   # the key of a call's metadata that names it

[[customers]]                          # everybody who is billed
name = "acme"
stripe_customer = "cus_replaceme"

[[prices]]                             # a price never changes: add a later one
from = 2020-01-01
per_minute = "0.10"
currency = "usd"
"""
SANDBOX = """\
# Settings for the sandbox at {url}; its clock gives the time.

[ledger]
url = "sqlite:///billing.db"

[stripe]
api_key = "file:secrets/stripe"
meter = "{meter}"
base_url = "{url}"
{rates}
grace_hours = {grace_hours}                        # how long it keeps invoices open

[billing]
first_period = "{period}"

[audit]
key = "audit.key"                      # signs the audit trail
memory = "billing.trail"               # how far it came: not to be restored

[sandbox]
clock_url = "{url}/_sandbox/clock"
"""


def write_settings(file: Path, present: BillingPeriod, *, force: bool) -> None:
    """Write settings to be filled in; raises BadInput when there are some."""
    _write(file, REAL.format(period=present), force=force)


def write_sandbox_settings(
    file: Path,
    url: str,
    *,
    force: bool,
    first: BillingPeriod | None = None,
    grace_hours: int = 72,
) -> SandboxFacts:
    """Write settings for a running sandbox, and its keys beside them.

    The first month that is billed is the last one, unless another is named. Raises
    BadInput when there are settings already, or no sandbox.
    """
    _refuse_existing(file, force=force)
    facts = read_facts(url)
    secrets = {"stripe": facts.stripe_key}
    secrets |= {f"pamela-{account.name}": account.api_key for account in facts.accounts}
    _write_secrets(file.parent / "secrets", secrets)
    first = first or BillingPeriod.of(facts.now).previous
    _write(file, _sandbox_text(facts, first, grace_hours), force=force)
    return facts


def make_ledger(file: Path, *, sole_because: str | None = None) -> str:
    """Make the ledger that the settings name, and the key that signs its trail.

    With a reason, state that nothing else reports to the meter. Returns the schema's
    version.
    """
    ensure_key(file)
    schema = upgrade_ledger(file)
    if sole_because is not None:
        state_sole(file, INITIATOR, sole_because)
    return schema


def _sandbox_text(facts: SandboxFacts, first: BillingPeriod, grace_hours: int) -> str:
    text = SANDBOX.format(
        url=facts.url,
        meter=facts.meter,
        period=first,
        grace_hours=grace_hours,
        rates=_rates(facts.stripe_limits),
    )
    for account in facts.accounts:
        secret = f"file:secrets/pamela-{account.name}"
        text += "\n[[accounts]]\n" + _lines(
            name=account.name,
            api_key=secret,
            base_url=facts.url,
            customer=account.customer,
            customer_metadata_key=account.customer_metadata_key,
        )
    for customer in facts.customers:
        text += "\n[[customers]]\n" + _lines(
            name=customer.plain_name, stripe_customer=customer.id
        )
    return text


def _rates(limits: SandboxLimits | None) -> str:
    """Return the pace for a sandbox's limits, less the margin that Stripe's has."""
    events = endpoint = account = UNLIMITED
    if limits is not None:
        events = limits.events * LIVE.events // LIMITS.events
        endpoint = limits.endpoint * LIVE.endpoint // LIMITS.endpoint
        account = limits.account * LIVE.account // LIMITS.account
    return (
        f"events_per_second = {events:<18}# what the sandbox takes, less a margin\n"
        f"reads_per_second = {endpoint:<19}# of each endpoint\n"
        f"requests_per_second = {account:<16}# of all endpoints"
    )


def _lines(**values: str | None) -> str:
    # What comes from a sandbox was checked to be plain words; see sandbox_facts.
    return "".join(f'{key} = "{text}"\n' for key, text in values.items() if text)


def _refuse_existing(file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        raise BadInput(f"{file} is there already; --force overwrites it")


def _write(file: Path, text: str, *, force: bool) -> None:
    _refuse_existing(file, force=force)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise BadInput(f"{file} cannot be written: {fault.strerror}") from fault


def _write_secrets(folder: Path, secrets: Mapping[str, str]) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, secret in secrets.items():
            replace_file(folder / name, f"{secret}\n".encode(), mode=OWNER_ONLY)
    except OSError as fault:
        raise BadInput(f"{folder} cannot be written: {fault.strerror}") from fault
