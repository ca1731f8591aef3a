"""On PostgreSQL an owner migrates, a service bills, and a reader reads."""

from collections.abc import Iterator

import pytest

from tests.cli.desk import LAST, Desk
from tests.postgres import PostgresServer
from tests.surroundings.pooler import needs_pooler, pooler, through
from tests.surroundings.roles import GRANTS, Roles, grant, roles

URL = "PAMELA_BILLING_LEDGER__URL"
READS = (
    ("status",),
    ("breaks",),
    ("report", "usage", LAST),
    ("report", "reconciliation", LAST),
    ("export", "usage", LAST),
    ("audit", "trail"),
    ("audit", "heads"),
    ("db", "check"),
    ("db", "verify"),
)


@pytest.fixture
def as_roles(
    postgres_server: PostgresServer,
    bare_desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Roles]:
    """Give a ledger that its owner made, at a desk that knows no role yet."""
    with roles(postgres_server) as addresses:
        monkeypatch.setenv(URL, addresses.owner)
        bare_desk.done("init", "--sandbox", bare_desk.url)
        bare_desk.done("db", "upgrade")
        grant(addresses.owner)
        yield addresses


def test_each_role_does_its_part_with_its_own_rights(
    as_roles: Roles, bare_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, as_roles.service)
    bare_desk("run")
    bare_desk.settle()
    bare_desk.done("run")
    checks = bare_desk.json("doctor", code=0)["checks"]
    assert {"sessions", "rights"} <= {check["name"] for check in checks}
    bare_desk.done("audit", "sign")
    monkeypatch.setenv(URL, as_roles.reader)
    for words in READS:
        bare_desk.done(*words)


def test_a_reader_is_refused_whatever_writes(
    as_roles: Roles, bare_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, as_roles.reader)
    for command in ("run", "sync", "daemon", "doctor"):
        result = bare_desk(command)
        assert result.exit_code == (1 if command == "doctor" else 2)
        assert (
            "the role billing_reader lacks DELETE on call_metadata, INSERT on account"
            in result.output
        )


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        (0, "permission denied for table alembic_version; grant the role its rights"),
        (1, "lacks DELETE on call_metadata; grant"),
        (2, "lacks USAGE on account_identity_id_seq"),
    ],
)
def test_a_service_that_lacks_a_right_is_told_which(
    as_roles: Roles,
    bare_desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    left_out: int,
    named: str,
) -> None:
    statement = GRANTS.strip().split(";\n")[left_out]
    revoked = statement.replace("GRANT", "REVOKE").replace(" TO ", " FROM ")
    grant(as_roles.owner, revoked)
    monkeypatch.setenv(URL, as_roles.service)
    assert named in bare_desk("run").output


@needs_pooler
def test_a_pooler_in_transaction_mode_is_refused_before_anything_is_sent(
    as_roles: Roles,
    postgres_server: PostgresServer,
    bare_desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pooler(postgres_server, "transaction") as folder:
        monkeypatch.setenv(URL, through(folder, as_roles.service))
        for command in ("run", "daemon", "status", "doctor"):
            result = bare_desk(command)
            assert result.exit_code == (1 if command == "doctor" else 2)
            assert "set the pooler to session mode" in result.output
    requests = bare_desk.sandbox.stripe_log.records()
    assert not any("meter_event" in request.path for request in requests)
