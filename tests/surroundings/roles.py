"""Three roles on one PostgreSQL ledger: who migrates it, who bills, and who reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.postgres import PostgresServer

# What the README gives an owner to type, after each upgrade.
README = Path(__file__).parents[2] / "README.md"
GRANTS = README.read_text().partition("```sql\n")[2].partition("```")[0]
NUMBERS = count(1)


class Roles(NamedTuple):
    """The address of a ledger, for each of the roles."""

    owner: str
    service: str
    reader: str


@contextmanager
def roles(server: PostgresServer) -> Iterator[Roles]:
    """Make an empty database that one role owns, and two others."""
    name = f"roles_{next(NUMBERS)}"
    url = make_url(server.create_database(name))
    for role in ("billing_owner", "billing_service", "billing_reader"):
        administer(server, name, f"DROP ROLE IF EXISTS {role}")
        administer(server, name, f"CREATE ROLE {role} LOGIN")
    administer(server, name, f"ALTER DATABASE {name} OWNER TO billing_owner")
    addresses = (
        url.set(username=f"billing_{role}").render_as_string(hide_password=False)
        for role in Roles._fields
    )
    yield Roles._make(addresses)
    server.drop_database(name)


def administer(server: PostgresServer, database: str, statement: str) -> None:
    """Do something as who runs the server."""
    with psycopg.connect(
        host=str(server.folder), port=5432, user="billing", dbname=database
    ) as connection:
        connection.execute(sql.SQL(statement))


def grant(owner: str, statements: str = GRANTS) -> None:
    """Give the others their rights, as the owner."""
    address = owner.replace("+psycopg", "")
    with psycopg.connect(address) as connection:
        for statement in statements.strip().split(";\n"):
            connection.execute(sql.SQL(statement))
