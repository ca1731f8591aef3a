"""Doors: no command writes into a ledger that was rewound, but those that mend it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest

from billing.cli import COMMANDS, main
from tests.cli.audit.test_trail import restore, save
from tests.cli.desk import LAST, Desk

WHY = ("--reason", "a reason")
# What each command is typed with, and how it ends on a ledger that was rewound.
REFUSED = {
    "run": (),
    "pull": (),
    "sync": ("--hold", *WHY),
    "reconcile": (),
    "adopt": ("--from", f"{LAST}-28T14:00Z", *WHY),
    "breaks": ("--acknowledge", "1", *WHY),
    "close": (LAST,),
    "audit sign": (),
    "audit rotate-key": WHY,
    "db erase": ("--key", "department", *WHY),
    "db copy": ("--to", "sqlite:///new.db"),
}
READING = {
    "doctor": (),
    "status": (),
    "explain": ("no-such-call",),
    "report usage": (LAST,),
    "report statement": (LAST, "--customer", "riverside"),
    "report reconciliation": (LAST,),
    "report journal": (LAST,),
    "report focus": (LAST, "--output", "focus.csv"),
    "report rounding": (LAST,),
    "report parity": (LAST,),
    "report what-if": (LAST, "--per-minute", "0.2"),
    "export usage": (LAST,),
    "export audit": (LAST,),
    "export lake": ("lake",),
    "audit trail": (),
    "audit heads": (),
    "audit verifier": (),
    "quarantine": (),
    "db check": (),
    "db verify": (),
    "db backup": ("saved.db",),
}
KEPT = (
    "INSERT INTO call_metadata SELECT account, call_id, 'department', 'north', "
    "started_at, started_at, NULL FROM call WHERE started_at IS NOT NULL LIMIT 1"
)
# No ledger of ours is written to: none is there, or they are what mends it.
OTHERS = {
    "demo",
    "sandbox",
    "init",
    "daemon",
    "verify",
    "audit accept-restore",
    "db upgrade",
}


def command_names() -> Iterator[str]:
    """Yield every command there is."""
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {inner}" for inner in command.commands)
        else:
            yield name


@pytest.fixture
def rewound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Give a desk whose ledger was restored, though more was sent since."""
    monkeypatch.chdir(desk.folder)
    desk.done("pull", LAST)
    saved = save(desk)
    desk.done("run")
    restore(desk, saved)
    with closing(sqlite3.connect(desk.folder / "billing.db")) as connection:
        connection.execute(KEPT)  # something that could be erased
        connection.commit()
    return desk


def rows(desk: Desk) -> list[int]:
    """Count the rows of every table."""
    tables = desk.query("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [desk.query(f"SELECT count(*) FROM {name}")[0][0] for (name,) in tables]


def test_every_command_is_sorted() -> None:
    assert {*REFUSED, *READING, *OTHERS} == set(command_names())


def test_no_command_writes_into_a_rewound_ledger(rewound: Desk) -> None:
    before = rows(rewound)
    for name, options in REFUSED.items():
        result = rewound(*name.split(), *options)
        assert (result.exit_code, rows(rewound)) == (1, before), name
        assert "is not the one that was seen last" in result.output, name
    for name, options in READING.items():
        rewound(*name.split(), *options)
        assert rows(rewound) == before, name


@pytest.mark.parametrize(
    "options",
    [
        ("--release", *WHY),
        ("--void", "evt", *WHY),
        ("--retry",),
        ("--settle",),
        ("--now",),
    ],
)
def test_no_way_of_sync_writes_either(rewound: Desk, options: tuple[str, ...]) -> None:
    before = rows(rewound)
    assert rewound("sync", *options).exit_code == 1
    assert rows(rewound) == before


def test_status_and_heads_say_it_first(rewound: Desk) -> None:
    words = "is not the one that was seen last"
    assert words in rewound.done("status").splitlines()[1]
    assert words in rewound.json("status")["restored"]
    assert words in rewound.done("audit", "heads", code=1).splitlines()[0]
    assert words in rewound.json("audit", "heads", code=1)["restored"]


def test_a_ledger_that_was_not_rewound_is_written_to(desk: Desk) -> None:
    desk.done("run")
    assert desk.json("status")["restored"] is None
    assert desk.json("audit", "heads")["restored"] is None
    desk.done("sync", "--hold", *WHY)
    assert Path(desk.folder / "billing.db").exists()
