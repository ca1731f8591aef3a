"""Column types that refuse what must not be stored: naive times and inexact numbers."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
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
