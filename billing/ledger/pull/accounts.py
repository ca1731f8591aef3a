"""Accounts: who each one is, as recorded, under its first name and its present one."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from billing.domain.account_identity import KnownAccount, SourceIdentity
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import (
    account,
    account_identity,
    account_rename,
    call,
    pull,
)

# So many calls tell whether a source is the one that a ledger's account was read from.
_MOST_CALLS_TO_PROBE = 5


@dataclass(frozen=True, slots=True)
class RecordedKey:
    """The digest of the key that an account had last, and its salt."""

    account: str
    salt: str
    digest: str


@dataclass(frozen=True, slots=True)
class RecordedAccounts:
    """The accounts that the ledger knows, and their keys as far as recorded."""

    accounts: tuple[KnownAccount, ...]
    keys: tuple[RecordedKey, ...]

    def identity_of(self, name: str) -> SourceIdentity | None:
        """Return who an account was when it was asked last; None before the first."""
        return next((a.identity for a in self.accounts if a.account == name), None)


@dataclass(frozen=True, slots=True)
class AccountNews:
    """What is new of an account: who it is or its key, and its name in the settings."""

    account: str
    identity: SourceIdentity | None  # None: it is as it was
    key_digest: str  # salted for the moment of its recording
    label: str | None  # None: it keeps its name


def read_accounts(connection: Connection) -> RecordedAccounts:
    """Return every account of which the ledger holds anything."""
    labels = present_labels(connection)
    newest = select(func.max(account_identity.c.id)).group_by(
        account_identity.c.account
    )
    query = select(account_identity).where(account_identity.c.id.in_(newest))
    rows = {row.account: row for row in connection.execute(query)}
    with_calls = accounts_with_calls(connection)
    accounts = [
        KnownAccount(
            account=name,
            label=labels.get(name, name),
            identity=SourceIdentity(rows[name].partner_id, rows[name].project_id)
            if name in rows
            else None,
            has_calls=name in with_calls,
        )
        for name in sorted({*rows, *with_calls})
    ]
    keys = [
        RecordedKey(name, salt_of(name, row.first_seen_at), row.key_digest)
        for name, row in rows.items()
    ]
    return RecordedAccounts(tuple(accounts), tuple(keys))


def salt_of(name: str, first_seen_at: datetime) -> str:
    """Return the salt of a recorded key: its own row's, and no other's."""
    return f"pamela-billing {name} {first_seen_at.isoformat()}"


def present_labels(connection: Connection) -> dict[str, str]:
    """Return the present names of the accounts that were renamed."""
    query = select(account_rename.c.was, account_rename.c.now)
    rows = connection.execute(query.order_by(account_rename.c.id))
    return {row.was: row.now for row in rows}


@dataclass(frozen=True, slots=True)
class AbsentAccount:
    """An account that left the settings while months of it were open."""

    label: str
    open_months: tuple[str, ...]

    def __str__(self) -> str:
        months = ", ".join(self.open_months)
        return f"the account {self.label} left the settings, and open is {months}"


PUT_BACK = "put it back into the settings until its months are closed"


def absent_accounts(
    connection: Connection, labels: Collection[str]
) -> list[AbsentAccount]:
    """Return the accounts with open months that are not among these names."""
    present = present_labels(connection)
    closed = {str(month) for month in closed_months(connection)}
    months: dict[str, list[str]] = {}
    query = select(pull.c.account, pull.c.period).distinct()
    for row in connection.execute(query.order_by(pull.c.account, pull.c.period)):
        label = present.get(row.account, row.account)
        if label not in labels and row.period not in closed:
            months.setdefault(label, []).append(row.period)
    return [AbsentAccount(label, tuple(names)) for label, names in months.items()]


def accounts_with_calls(connection: Connection) -> set[str]:
    """Return the accounts that have a call in the ledger."""
    any_call = select(call.c.id).where(call.c.account == account.c.name)
    return set(connection.scalars(select(account.c.name).where(any_call.exists())))


def newest_calls(
    connection: Connection, names: Collection[str]
) -> dict[str, dict[str, datetime | None]]:
    """Return when the newest calls of some accounts were created, by account and id."""
    calls = {}
    for name in names:
        query = select(call.c.call_id, call.c.created_at).where(call.c.account == name)
        rows = connection.execute(
            query.order_by(call.c.id.desc()).limit(_MOST_CALLS_TO_PROBE)
        )
        calls[name] = {row.call_id: row.created_at for row in rows}
    return calls


def record_news(
    connection: Connection, actor: Actor, news: Iterable[AccountNews]
) -> None:
    """Record who accounts are, and under which names they go on."""
    for item in news:
        if item.identity is not None:
            _record_identity(connection, actor, item, item.identity)
        if item.label is not None:
            _record_rename(connection, actor, item.account, item.label)


def _record_identity(
    connection: Connection, actor: Actor, news: AccountNews, identity: SourceIdentity
) -> None:
    values = {
        "account": news.account,
        "partner_id": identity.partner_id,
        "project_id": identity.project_id,
        "key_digest": news.key_digest,
        "first_seen_at": actor.at,
        "source": "usage" if identity.known else "key",
    }
    connection.execute(insert(account_identity).values(values))
    detail = identity._asdict()
    audit_log.record(connection, actor, "account.identified", news.account, detail)


def _record_rename(connection: Connection, actor: Actor, name: str, label: str) -> None:
    was = present_labels(connection).get(name, name)
    values = {"was": name, "now": label, "at": actor.at, "actor": actor.name}
    connection.execute(insert(account_rename).values(values))
    detail = {"was": was, "is": label}
    audit_log.record(connection, actor, "account.renamed", name, detail)
