"""Accounts: each is the one that its name stood for, and none is missing."""

from collections.abc import Iterator, Sequence

from billing.errors import AccountRefused
from billing.ledger.database import Ledger
from billing.ledger.pull.accounts import PUT_BACK, absent_accounts
from billing.pipeline.concurrency import Concurrency
from billing.pipeline.doctor.checks import Check, failed
from billing.pipeline.pull.identity import check_identities
from billing.ports import UsageSource


def check_accounts(
    ledger: Ledger, sources: Sequence[UsageSource], pool: Concurrency
) -> Iterator[Check]:
    """Say who each account is, and which left the settings too early."""
    check = check_identities(ledger, sources, pool)
    for source in sources:
        name = f"identity of {source.label}"
        fault, identity = check.fault(source.label), check.identity(source.label)
        if isinstance(fault, AccountRefused):
            yield failed(name, fault, "see to [[accounts]] in the settings")
        elif identity is not None:
            yield Check(name, True, f"it is {identity}")
    with ledger.reading() as connection:
        labels = {source.label for source in sources}
        for account in absent_accounts(connection, labels):
            yield Check(f"account {account.label}", True, f"{account}", PUT_BACK)
