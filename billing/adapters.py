"""Adapters: the gateways of the service, made as the settings say."""

from collections.abc import Callable
from pathlib import Path

from billing.credentials import held_secrets, is_live, read_secret
from billing.domain.request_rates import LIVE, TEST, Rates
from billing.domain.web_address import check_proxy, is_loopback
from billing.errors import SettingsFault
from billing.gateways.anchors import NOTIFY, make_anchor
from billing.gateways.gated import GatedMeter, GatedUsage
from billing.gateways.rate_limit import Pace, Sharing
from billing.gateways.rollback_marker import FileMemory
from billing.gateways.signing_key import read_key
from billing.gateways.word_gate import WordGate
from billing.pipeline.signing import TrailOptions
from billing.settings import AccountSettings, Settings, StripeSettings


def make_gate(settings: Settings, folder: Path) -> WordGate:
    """Return the gate of foreign words, which knows the secrets of the settings."""
    return WordGate(held_secrets(settings, folder))


def make_trail(settings: Settings, folder: Path) -> TrailOptions:
    """Return who signs the trail, where it is published and what remembers it.

    Without a key file nobody signs. Raises SettingsFault or SigningFault.
    """
    audit, where = settings.audit, "audit.anchors"
    key, gate = folder / audit.key, make_gate(settings, folder)
    anchors = []
    for place in audit.anchors:
        reference = place.removeprefix(NOTIFY) if place.startswith(NOTIFY) else None
        secret = reference and read_secret(reference, where=where, folder=folder)
        anchors.append(
            make_anchor(
                place,
                folder,
                endpoint=audit.s3_endpoint,
                secret=secret or None,
                gate=gate,
            )
        )
    signer = read_key(key) if key.exists() else None
    return TrailOptions(signer, anchors, make_memory(settings, folder))


def make_memory(settings: Settings, folder: Path) -> FileMemory:
    """Return what remembers how far the trail has come."""
    return FileMemory(folder / settings.audit.memory)


def make_meter(
    settings: Settings,
    folder: Path,
    sleep: Callable[[float], None],
    gate: WordGate | None = None,
    sharing: Callable[[str], Sharing | None] = lambda _mode: None,
) -> tuple[GatedMeter, bool]:
    """Return the meter, and whether it is live; raises SettingsFault.

    `sharing` says with whom the pace of a mode is shared.
    """
    # It loads an HTTP library, for which a command that asks nobody has no use.
    from billing.gateways.stripe.meter import StripeMeter  # noqa: PLC0415

    stripe = settings.stripe
    key = read_secret(stripe.api_key, where="stripe.api_key", folder=folder)
    livemode = is_live(key)
    meter = StripeMeter(
        key.get_secret_value(),
        stripe.meter,
        base_url=stripe.base_url,
        pace=Pace(
            rates_of(stripe, livemode=livemode),
            sharing=sharing("live" if livemode else "test"),
        ),
        connections=stripe.most_senders,
        sleep=sleep,
        proxy=proxy_for(settings, folder, stripe.base_url),
    )
    return GatedMeter(meter, gate or make_gate(settings, folder)), livemode


def rates_of(settings: StripeSettings, *, livemode: bool) -> Rates:
    """Return how many requests a second there may be: those of the mode, or others.

    Who names more than test mode allows knows of other limits, as a sandbox has them:
    then meter events stand apart, as in live mode.
    """
    events, reads = settings.events_per_second, settings.reads_per_second
    account = settings.requests_per_second
    most = max(events or 0, reads or 0, account or 0)
    usual = LIVE if livemode or most > TEST.account else TEST
    return Rates(
        events=events or usual.events,
        endpoint=reads or usual.endpoint,
        account=account or max(usual.account, reads or 0),
        events_apart=usual.events_apart,
    )


def make_source(
    settings: Settings,
    account: AccountSettings,
    folder: Path,
    sleep: Callable[[float], None],
    gate: WordGate | None = None,
) -> GatedUsage:
    """Return an account's source; raises SettingsFault."""
    # Likewise.
    from billing.gateways.pamela import connect_usage  # noqa: PLC0415

    where = f"accounts.{account.name}"
    key = read_secret(account.api_key, where=f"{where}.api_key", folder=folder)
    source = connect_usage(
        account.name,
        key.get_secret_value(),
        account.base_url,
        sleep=sleep,
        proxy=proxy_for(settings, folder, account.base_url),
    )
    return GatedUsage(source, gate or make_gate(settings, folder))


def proxy_for(settings: Settings, folder: Path, address: str | None) -> str | None:
    """Return the proxy to an API, none on this very machine; raises SettingsFault."""
    reference, where = settings.network.proxy, "network.proxy"
    if reference is None or (address is not None and is_loopback(address)):
        return None
    named = reference.startswith("env:")
    if named:
        secret = read_secret(reference, where=where, folder=folder)
        reference = secret.get_secret_value()
    try:
        check_proxy(reference)
    except ValueError as fault:
        raise SettingsFault(where, str(fault)) from None
    if "@" in reference and not named:
        raise SettingsFault(where, "name it as env:NAME, since it holds a password")
    return reference
