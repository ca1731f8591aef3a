"""Who the accounts are: what each source said of itself, and the names it had since."""

from sqlalchemy import Index

from billing.ledger.schema.base import key, table, text_column, time

account_identity = table(
    "account_identity",
    key(),
    text_column("account"),
    text_column("partner_id", null=True),
    text_column("project_id", null=True),
    text_column("key_digest"),
    time("first_seen_at"),
    text_column("source"),
    Index(None, "account", "id"),
)

account_rename = table(
    "account_rename",
    key(),
    text_column("was"),
    text_column("now"),
    time("at"),
    text_column("actor"),
    Index(None, "was", "id"),
)
