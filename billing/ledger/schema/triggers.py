"""Guards: the triggers by which the database itself refuses to change what is kept."""

from collections.abc import Iterator, Sequence

REFUSAL = "{table} is append-only: correct by adding"
CLOSED = "the period is closed: post an adjustment in an open one"
ALL = "*"


def keep(dialect: str, table: str, columns: str, keys: Sequence[str]) -> Iterator[str]:
    """Yield what makes a table's rows stay, and these columns of them unchanged."""
    yield stay(dialect, table, columns)
    if dialect != "sqlite":
        yield _postgresql(f"{table}_keeps", f"DELETE ON {table} FOR EACH ROW")
        event = f"TRUNCATE ON {table} FOR EACH STATEMENT"
        yield _postgresql(f"{table}_is_kept", event)
        return
    stop = _refusal(table)
    yield _sqlite(f"{table}_keeps", f"DELETE ON {table}", "", stop)
    if "id" in keys:
        # A row's hidden number has other names, which no list of columns covers.
        moved = "WHEN NEW.id IS NOT OLD.id "
        yield _sqlite(f"{table}_keeps_number", f"UPDATE ON {table}", moved, stop)
    # SQLite's INSERT OR REPLACE deletes silently unless a pragma of the writer's is
    # set, so an insert that would replace is refused by itself.
    taken = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} t WHERE {_same(key)})" for key in keys
    )
    yield _sqlite(f"{table}_is_new", f"INSERT ON {table}", f"WHEN {taken} ", stop)


def stay(dialect: str, table: str, columns: str) -> str:
    """Return what refuses an update of these columns."""
    of = "" if columns == ALL else f"OF {columns} "
    name = f"{table}_stays"
    if dialect == "sqlite":
        return _sqlite(name, f"UPDATE {of}ON {table}", "", _refusal(table))
    return _postgresql(name, f"UPDATE {of}ON {table} FOR EACH ROW")


def once(dialect: str, name: str, table: str, forbidden: str) -> Iterator[str]:
    """Yield what refuses an update of a row that meets a condition already."""
    if dialect == "sqlite":
        when = f"WHEN {forbidden} "
        yield _sqlite(f"{name}_once", f"UPDATE ON {table}", when, _refusal(table))
    else:
        event = f"UPDATE ON {table} FOR EACH ROW WHEN ({forbidden})"
        yield _postgresql(f"{name}_once", event)


def only_in_open_periods(dialect: str, table: str) -> Iterator[str]:
    """Yield what refuses a new row in a month that is closed."""
    name = f"{table}_in_open_period"
    if dialect == "sqlite":
        closed = "EXISTS (SELECT 1 FROM period_close c WHERE c.period = NEW.period)"
        stop = f"SELECT RAISE(ABORT, '{CLOSED}')"
        yield _sqlite(name, f"INSERT ON {table}", f"WHEN {closed} ", stop)
    else:
        event = f"INSERT ON {table} FOR EACH ROW"
        yield _postgresql(name, event, "refuse_closed")


def drop(dialect: str, table: str, trigger: str) -> str:
    """Return what drops a trigger of a table."""
    suffix = "" if dialect == "sqlite" else f" ON {table}"
    return f"DROP TRIGGER {trigger}{suffix}"


def postgresql_functions() -> Iterator[str]:
    """Yield the functions that PostgreSQL's triggers call."""
    yield (
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% is append-only: correct by adding', TG_TABLE_NAME; END $$"
    )
    yield (
        "CREATE FUNCTION refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM period_close c WHERE c.period = NEW.period) "
        "THEN RAISE EXCEPTION '" + CLOSED + "'; END IF; RETURN NEW; END $$"
    )


def _sqlite(name: str, event: str, when: str, body: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} {when}BEGIN {body}; END"


def _refusal(table: str) -> str:
    return f"SELECT RAISE(ABORT, '{REFUSAL.format(table=table)}')"


def _same(key: str) -> str:
    return " AND ".join(f"t.{name} = NEW.{name}" for name in key.split(", "))


def _postgresql(name: str, event: str, function: str = "refuse_change") -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} EXECUTE FUNCTION {function}()"
