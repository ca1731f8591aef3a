"""Rights: what the role may do that a PostgreSQL ledger is opened with."""

from sqlalchemy import Connection, text

from billing.errors import UnfitSession
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import metadata

# What the service changes or takes out; all else it only adds.
CHANGED = (
    "account",
    "b2b_usage",
    "break_case",
    "call_metadata",
    "customer",
    "error_report",
    "meter_attempt",
    "meter_event",
    "pull",
    "quarantine",
    "row_digest",
)
ERASED = ("call_metadata",)
# What is no sequence must not be asked as one, in whatever order the server goes on.
_LACKING = text("""
    SELECT needed.name, needed.kind
    FROM unnest(CAST(:names AS text[]), CAST(:kinds AS text[])) AS needed (name, kind)
    WHERE NOT has_table_privilege(quote_ident(needed.name), needed.kind)
    UNION ALL
    SELECT s.relname, 'USAGE' FROM pg_depend d JOIN pg_class s ON s.oid = d.objid
    WHERE d.deptype = 'a' AND d.refobjid IN (
        SELECT to_regclass(quote_ident(name)) FROM unnest(CAST(:names AS text[])) name
    ) AND CASE s.relkind
        WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') ELSE false
    END
""")


def refuse_reader(ledger: Ledger) -> None:
    """Refuse a role that may not write, or a server that cannot; raises UnfitSession.

    A SQLite file says so by itself, at the first write.
    """
    if ledger.on_sqlite:
        return
    with ledger.reading() as connection:
        role = connection.execute(text("SELECT current_user")).scalar_one()
        standby = connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
        lacking = lacking_rights(connection)
    if standby:
        raise UnfitSession(
            "this server is a standby, which can only be read; connect to the primary"
        )
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise UnfitSession(
            f"the role {role} lacks {', '.join(lacking[:3])}{more}; grant what the "
            "README says in *Who may read*, or use the service's own role"
        )


def lacking_rights(connection: Connection) -> list[str]:
    """Return the rights that the service needs and its role lacks."""
    needed = [
        *((table, "SELECT") for table in metadata.tables),
        *((table, "INSERT") for table in metadata.tables),
        *((table, "UPDATE") for table in CHANGED),
        *((table, "DELETE") for table in ERASED),
    ]
    names, kinds = [name for name, _ in needed], [kind for _, kind in needed]
    rows = connection.execute(_LACKING, {"names": names, "kinds": kinds})
    return sorted(f"{row.kind} on {row.name}" for row in rows)
