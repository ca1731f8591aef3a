"""Adapters: the gateways of the service, made as the settings say."""

from collections.abc import Callable
from pathlib import Path

from billing.credentials import is_live, read_secret
from billing.gateways.anchors import NOTIFY, make_anchor
from billing.gateways.pamela import PamelaUsage, connect_usage
from billing.gateways.rollback_marker import FileMemory
from billing.gateways.signing_key import read_key
from billing.gateways.stripe.meter import StripeMeter
from billing.pipeline.signing import TrailOptions
from billing.settings import RATES, AccountSettings, Settings


def make_trail(settings: Settings, folder: Path) -> TrailOptions:
    """Return who signs the trail, where it is published and what remembers it.

    Without a key file nobody signs. Raises SettingsFault or SigningFault.
    """
    audit, where = settings.audit, "audit.anchors"
    key = folder / audit.key
    anchors = []
    for place in audit.anchors:
        reference = place.removeprefix(NOTIFY) if place.startswith(NOTIFY) else None
        secret = reference and read_secret(reference, where=where, folder=folder)
        anchors.append(
            make_anchor(
                place, folder, endpoint=audit.s3_endpoint, secret=secret or None
            )
        )
    signer = read_key(key) if key.exists() else None
    return TrailOptions(signer, anchors, make_memory(settings, folder))


def make_memory(settings: Settings, folder: Path) -> FileMemory:
    """Return what remembers how far the trail has come."""
    return FileMemory(folder / settings.audit.memory)


def make_meter(
    settings: Settings, folder: Path, sleep: Callable[[float], None]
) -> tuple[StripeMeter, bool]:
    """Return the meter, and whether it is live; raises SettingsFault."""
    stripe = settings.stripe
    key = read_secret(stripe.api_key, where="stripe.api_key", folder=folder)
    livemode = is_live(key)
    events, reads = RATES[livemode]
    meter = StripeMeter(
        key.get_secret_value(),
        stripe.meter,
        base_url=stripe.base_url,
        events_per_second=stripe.events_per_second or events,
        reads_per_second=stripe.reads_per_second or reads,
        sleep=sleep,
    )
    return meter, livemode


def make_source(
    account: AccountSettings, folder: Path, sleep: Callable[[float], None]
) -> PamelaUsage:
    """Return an account's source; raises SettingsFault."""
    where = f"accounts.{account.name}"
    key = read_secret(account.api_key, where=f"{where}.api_key", folder=folder)
    return connect_usage(
        account.name, key.get_secret_value(), account.base_url, sleep=sleep
    )
