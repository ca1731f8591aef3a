"""Moments in SQL: the hour and the month of a stored time, on both databases."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, func


def hour_in_sql(
    connection: Connection, moment: ColumnElement[datetime]
) -> ColumnElement[Any]:
    """Return the UTC hour of a stored time, to be compared with a stored hour."""
    if connection.dialect.name == "sqlite":
        return func.substr(moment, 1, 14, type_=Text) + "00:00+00:00"
    return func.date_trunc("hour", moment, "UTC")


def month_in_sql(
    connection: Connection, moment: ColumnElement[datetime]
) -> ColumnElement[str]:
    """Return the UTC month of a stored time, written YYYY-MM."""
    if connection.dialect.name == "sqlite":
        return func.substr(moment, 1, 7, type_=Text)
    return func.to_char(func.timezone("UTC", moment), "YYYY-MM", type_=Text)
