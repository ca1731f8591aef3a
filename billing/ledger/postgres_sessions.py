"""PostgreSQL's sessions: each is proved to be ours alone, and set up as we need it."""

import re
from contextlib import ExitStack
from secrets import randbits
from threading import Lock
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from billing.errors import UnfitSession

# A time zone, a form of dates or an encoding of the server's never colours what is
# read; what is committed is on the disk; and what a machine held that vanished, or was
# stopped in a transaction that all others wait for, is free within about a minute.
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "client_encoding": "UTF8",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
# Those that must have taken: on a local socket there are no keep-alives.
_MUST_HOLD = (
    "TimeZone",
    "DateStyle",
    "client_encoding",
    "synchronous_commit",
    "default_transaction_isolation",
)
# A setting in the start-up parameter `options`, such as `-c search_path=billing`.
_OPTION = re.compile(r"(?:-c\s*|--)([A-Za-z_][\w.-]*)=((?:\\.|[^\s\\])*)\s*")
_SHARED = (
    "another session meets the same back end, or two transactions meet two; that is a "
    "connection pooler in transaction mode, under which locks do not hold. Connect to "
    "the server itself, or set the pooler to session mode (pgbouncer: "
    "pool_mode = session)"
)
_Session = psycopg.Connection[Any]


def set_up_sessions(engine: Engine) -> None:
    """Have every new session of an engine proved and set up; raises UnfitSession.

    The proof is made once, with the first session, before anything is set: in a shared
    session our settings would be another client's.
    """
    first = _FirstSession()

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: object, args: Any, named: Any) -> _Session:
        # Poolers refuse or drop the start-up parameter, so what it sets is set later.
        settings, rest = split_options(named.get("options", ""))
        named = {**named, "options": rest}
        with ExitStack() as if_unfit:
            session: _Session = dialect.connect(*args, **named)
            if_unfit.callback(session.close)
            session.autocommit = True
            with first.lock:
                if not first.proved:
                    _prove(session, dialect, args, named)
                    first.proved = True
            _set(session, settings | SETTINGS)
            session.autocommit = False
            if_unfit.pop_all()
        return session


def split_options(options: str) -> tuple[dict[str, str], str]:
    """Split the start-up parameter `options` into settings, and what is none."""
    settings = {
        match[1]: re.sub(r"\\(.)", r"\1", match[2])
        for match in _OPTION.finditer(options)
    }
    return settings, _OPTION.sub("", options).strip()


class _FirstSession:
    """Whether the first session of an engine has been proved."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.proved = False


def _prove(session: _Session, dialect: Any, args: Any, named: Any) -> None:
    """Prove that two transactions meet one back end, and that a lock lasts."""
    back_end = _back_end(session)
    # A pooler gives its clients other numbers than the server's, in each of its modes.
    rivals = 1 if session.info.backend_pid == back_end else 2
    others: list[_Session] = []
    try:
        for _ in range(rivals):
            # Its transaction stays open: a pooler lends it the back end that is free.
            others.append(dialect.connect(*args, **named))
            if _back_end(others[-1]) == back_end or _back_end(session) != back_end:
                raise UnfitSession(_SHARED)
    except psycopg.Error as fault:
        if "pooling" in str(fault):  # in statement mode no transaction begins at all
            raise UnfitSession(_SHARED) from fault
        raise
    finally:
        for other in others:
            other.close()
    lock = randbits(62)
    _value(session, f"SELECT pg_advisory_lock({lock})")
    if _value(session, f"SELECT pg_advisory_unlock({lock})") is not True:
        raise UnfitSession(_SHARED)


def _set(session: _Session, settings: dict[str, str]) -> None:
    session.execute(
        "SELECT " + ", ".join(["set_config(%s, %s, false)"] * len(settings)),
        [part for setting in settings.items() for part in setting],
    )
    for name in _MUST_HOLD:
        in_force = _value(session, f"SELECT current_setting('{name}')")
        if in_force != SETTINGS[name]:
            raise UnfitSession(
                f"the setting {name} is {in_force}, though it was set to "
                f"{SETTINGS[name]}; connect to the server itself, or set the pooler to "
                "session mode"
            )


def _back_end(session: _Session) -> int:
    number: int = _value(session, "SELECT pg_backend_pid()")
    return number


def _value(session: _Session, query: str) -> Any:
    row = session.execute(query).fetchone()
    return row and row[0]
