"""At work: whether other processes do something with the ledger at this moment."""

from sqlalchemy import Connection, text

from billing.errors import LedgerInUse

FOR_AS_LONG_AS_IT_TAKES = "SET LOCAL idle_in_transaction_session_timeout = 0"
# A daemon holds a lock on each customer and account that it works on. Which of them is
# free while we have the writers' turn can begin nothing: an attempt is written first.
_HELD = text("""
    SELECT count(DISTINCT pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


def hold_turn(connection: Connection) -> None:
    """Keep the writers' turn for as long as a copy takes; raises LedgerInUse."""
    refuse_others_at_work(connection)
    if connection.dialect.name != "sqlite":
        # Else the server ends a session that waits for the other one for a minute.
        connection.exec_driver_sql(FOR_AS_LONG_AS_IT_TAKES)


def refuse_others_at_work(connection: Connection) -> None:
    """Raise LedgerInUse while a pull or a send is underway elsewhere.

    A SQLite ledger is held by one process as a whole.
    """
    if connection.dialect.name == "sqlite":
        return
    if connection.execute(_HELD).scalar_one():
        raise LedgerInUse
