"""Column types that refuse what must not be stored: naive times and inexact numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, Boolean, DateTime, Dialect, Integer, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from billing.errors import UnreadableValue


class UtcTime(TypeDecorator[datetime]):
    """An aware moment in UTC; on SQLite its ISO 8601 text, which sorts and reads."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Store text on SQLite, which has no type for time."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time is aware, got {value!r}")
        utc = value.astimezone(UTC)
        return format_time(utc) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _read_time(value)
        return value.astimezone(UTC)  # type: ignore[no-any-return] # psycopg's datetime


class ExactInteger(TypeDecorator[int]):
    """A 64-bit integer; a bool or a float is refused."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use INTEGER on SQLite, where it is 64 bits wide and a row's own key."""
        exact = Integer() if dialect.name == "sqlite" else BigInteger()
        return dialect.type_descriptor(exact)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Refuse what is not exactly an integer."""
        if value is not None and type(value) is not int:
            raise TypeError(f"an integer is stored, got {value!r}")
        return value


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal number kept as its own digits; SQLite's NUMERIC is a float."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Refuse what is not a Decimal."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"a Decimal is stored, got {value!r}")
        return format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the Decimal."""
        if value is None:
            return None
        try:
            return Decimal(value)
        except InvalidOperation:
            raise UnreadableValue("a number", value) from None


class TextList(TypeDecorator[Sequence[str]]):
    """Many texts that are bound as one value; no column is of it."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Bind a JSON list on SQLite, an array elsewhere."""
        kind = Text() if dialect.name == "sqlite" else ARRAY(Text())
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        """Return the texts as the driver takes them."""
        names = list(value or ())
        return orjson.dumps(names).decode() if dialect.name == "sqlite" else names


class among(FunctionElement[bool]):  # noqa: N801 # it is written like a function
    """The condition that a column is one of the texts of a TextList.

    Each as a name of its own costs more than finding its row.
    """

    inherit_cache = True
    type = Boolean()


@compiles(among, "sqlite")
def _among_on_sqlite(element: among, compiler: SQLCompiler, **how: Any) -> str:
    column, names = (compiler.process(part, **how) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({names}))"  # noqa: S608 # bound


@compiles(among, "postgresql")
def _among_on_postgresql(element: among, compiler: SQLCompiler, **how: Any) -> str:
    column, names = (compiler.process(part, **how) for part in element.clauses)
    return f"{column} = ANY({names})"


def _read_time(value: str) -> datetime:
    """Read what this module has written; what it has not is somebody's edit."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise UnreadableValue("a time", value) from None
    if moment.tzinfo is None:
        raise UnreadableValue("a time", value)
    return moment


def format_time(moment: datetime) -> str:
    """Format a UTC time as SQLite stores it; `+` sorts before the dot of a fraction."""
    return moment.isoformat()


def format_times(moments: Sequence[datetime | None]) -> list[str | None]:
    """Format many UTC times just so, in a fifth of the time."""
    texts: list[str | None] = orjson.loads(orjson.dumps(moments))
    return texts
