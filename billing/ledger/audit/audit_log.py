"""The audit log as writers see it: say who did what, when and why, as it is done."""

from collections.abc import Mapping

from sqlalchemy import Connection

from billing.ledger.audit.pending import (
    Actor,
    AuditSession,
    Note,
    loading,
    pending,
    touch,
    touch_binding,
)

__all__ = [
    "Actor",
    "AuditSession",
    "loading",
    "note",
    "record",
    "touch",
    "touch_binding",
]


def record(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str,
    detail: Mapping[str, object] | None = None,
    *,
    reason: str | None = None,
) -> None:
    """Say what somebody does in this transaction; it becomes an audit event."""
    _add(
        connection,
        Note(
            action=action,
            subject=subject,
            detail=detail or {},
            reason=reason,
            actor=actor,
        ),
    )


def note(
    connection: Connection,
    action: str,
    subject: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Say what whoever works on the ledger does in this transaction."""
    _add(
        connection,
        Note(
            action=action, subject=subject, detail=detail or {}, reason=None, actor=None
        ),
    )


def _add(connection: Connection, entry: Note) -> None:
    changes = pending(connection)
    if changes is None:
        raise RuntimeError(f"{entry.action}: only a transaction that writes is audited")
    changes.notes.append(entry)
