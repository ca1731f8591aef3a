"""Canaries: personal data and secrets that must never come out of anything."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from billing.sandbox.pamela.call import Document, read_json, write_json
from tests.cli.desk import Desk

PHONE = "+15550107777"
# What a call of the API holds, and some of it where nobody expects it.
IN_CALLS: Document = {
    "to": PHONE,
    "from": "5550108888",
    "task": "canary-task: ask for the lab results of Mrs Canary",
    "transcript": f"Agent: canary-transcript. Callee: ring me at {PHONE}.",
    "summary": "canary-summary: she agreed",
    "message": "canary-message",
}
IN_METADATA: Document = {"campaign": "canary-campaign", "patient": "canary-patient"}
FORBIDDEN = ["5550107777", "5550108888", *("canary-" + name for name in (
    "task", "transcript", "summary", "message", "patient",
))]  # fmt: skip


def stamp(desk: Desk, odd: Document | None = None) -> None:
    """Put the canaries into every call of the sandbox; `odd` takes the place of fields.

    The first call of each account has a phone number where its campaign should be.
    """
    pamela, now = desk.sandbox.pamela, desk.sandbox.clock.now()
    for account in pamela.accounts:
        made = []
        for number, call in enumerate(account.call_list.calls()):
            more: Document = {"campaign": PHONE} if number == 0 else {}
            stages = tuple(
                (at, write_json(_stamped(read_json(body), more) | (odd or {})))
                for at, body in call.stages
            )
            made.append(replace(call, stages=stages))
        pamela.put_calls(account, made, now)


def _stamped(body: Document, more: Document) -> Document:
    held = body.get("metadata")
    metadata = held if isinstance(held, dict) else {}
    return {**body, **IN_CALLS, "metadata": {**metadata, **IN_METADATA, **more}}


def found_in(text: bytes, more: list[str]) -> list[str]:
    """Return the canaries and secrets that a text holds."""
    return [word for word in [*FORBIDDEN, *more] if word.encode() in text]


def everything_under(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Read every file below a folder, but those that hold the secrets themselves."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "secrets" not in file.parts:
            yield file, file.read_bytes()


def dump(database: Path) -> bytes:
    """Return all that a SQLite file says, audit events and errors included."""
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump()).encode()
