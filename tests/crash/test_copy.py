"""A copy is killed at its steps: never are two ledgers in force, and none is lost."""

import shutil
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import inspect

from billing.ledger.audit.events import chain_tip
from billing.ledger.database import open_ledger
from billing.ledger.move.marks import MoveState, newest_mark
from tests.cli.conftest import bare_desk, desk, first_scene
from tests.cli.desk import Desk
from tests.crash.processes import copying
from tests.postgres import PostgresServer

__all__ = ["bare_desk", "desk", "first_scene"]

# Each copier is forked from a process that has everything loaded.
LOADED = get_context("forkserver")
LOADED.set_forkserver_preload([copying.__name__, *copying.LOADED_LATE])
# Of the many steps that make and compare tables one in so many; of the last, each.
ONE_IN, LAST_STEPS = 1_000, 8
NOTHING, IN_FORCE = "nothing", "in force"


def copy_to_step(desk: Desk, url: str, step: int) -> int | None:
    """Let a process of its own copy the ledger up to a step; return its exit code."""
    return _copy(desk, url, step)[0]


def steps_of_a_copy(desk: Desk, url: str) -> list[str]:
    """Let a process of its own copy the ledger; return the steps that it took."""
    code, taken = _copy(desk, url, 0)
    assert code == 0
    return taken


def _copy(desk: Desk, url: str, step: int) -> tuple[int | None, list[str]]:
    told, tell = LOADED.Pipe(duplex=False)
    settings = str(desk.settings_file)
    process = LOADED.Process(target=copying.copy, args=(settings, url, step, tell))
    process.start()
    tell.close()
    taken: list[str] = []
    # One that is killed tells nothing.
    with told, suppress(EOFError):
        taken = told.recv()
    process.join()
    return process.exitcode, taken


def state_at(url: str) -> str:
    """Say what stands at a place: nothing, or a ledger with its newest mark."""
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not file.exists():
        return NOTHING
    with closing(open_ledger(url)) as ledger, ledger.reading() as connection:
        if not inspect(connection).get_table_names():
            return NOTHING
        mark = newest_mark(connection)
    if mark is None or mark.state is MoveState.ARRIVED:
        return IN_FORCE
    return mark.state.value


def tip(url: str) -> tuple[int, str]:
    """Return the end of a ledger's trail."""
    with closing(open_ledger(url)) as ledger, ledger.reading() as connection:
        return chain_tip(connection)[:2]


# What may stand at both places after a kill, and what the same command then says.
UNTOUCHED = (IN_FORCE, NOTHING)
UNMARKED = (IN_FORCE, MoveState.ARRIVING.value)
TO_FINISH = (MoveState.MOVED.value, MoveState.ARRIVING.value)
DONE = (MoveState.MOVED.value, IN_FORCE)
ANSWERS = {UNTOUCHED: 0, UNMARKED: 2, TO_FINISH: 0, DONE: 2}


def go_on(desk: Desk, source: str, url: str, empty: Callable[[str], None]) -> str:
    """Type the same command after a kill until the ledger has moved; return how."""
    states = (state_at(source), state_at(url))
    assert states in ANSWERS, states
    before = tip(source)
    result = desk("db", "copy", "--to", url)
    assert result.exit_code == ANSWERS[states], (states, result.output)
    assert result.stderr.count("\n") == (result.exit_code != 0)
    if states == UNMARKED:
        # The copy was never in force, so it is no loss.
        assert tip(source) == before
        empty(url)
        desk.done("db", "copy", "--to", url)
    assert (state_at(source), state_at(url)) == DONE
    assert tip(source) == tip(url)
    return f"{states[0]}, {states[1]}"


def steps_to_die_at(taken: list[str]) -> list[int]:
    """Choose the steps."""
    last = len(taken) - LAST_STEPS
    loading = [number for number, name in enumerate(taken, 1) if name == "rows"]
    middle = loading[len(loading) // 2]
    return sorted({*range(1, last, ONE_IN), middle, *range(last, len(taken) + 1)})


def test_from_sqlite_to_postgresql(desk: Desk, postgres_server: PostgresServer) -> None:
    desk.done("run")
    file, names = desk.folder / "billing.db", iter(range(1_000))
    desk.done("db", "backup", str(desk.folder / "kept.db"))
    marker = (desk.folder / "billing.trail").read_bytes()

    def fresh() -> str:
        for end in ("", "-wal", "-shm"):
            Path(f"{file}{end}").unlink(missing_ok=True)
        shutil.copy(desk.folder / "kept.db", file)
        (desk.folder / "billing.trail").write_bytes(marker)
        return postgres_server.create_database(f"killed_{next(names)}")

    def empty(url: str) -> None:
        name = url.partition("@/")[2].partition("?")[0]
        postgres_server.drop_database(name)
        postgres_server.create_database(name)

    taken = steps_of_a_copy(desk, fresh())
    seen = set()
    for step in steps_to_die_at(taken):
        url = fresh()
        assert copy_to_step(desk, url, step) == -signal.SIGKILL
        seen.add(go_on(desk, f"sqlite:///{file}", url, empty))
    assert len(seen) == len(ANSWERS), seen


def test_from_postgresql_to_sqlite(desk: Desk, postgres_server: PostgresServer) -> None:
    desk.done("run")
    names = iter(range(1_000))
    kept = postgres_server.create_database("kept_for_kills")
    desk.done("db", "copy", "--to", kept)
    marker = (desk.folder / "billing.trail").read_bytes()
    target = desk.folder / "target.db"
    address = ['url = "sqlite:///billing.db"']

    def fresh() -> str:
        name = f"source_{next(names)}"
        url = postgres_server.create_database(name, "kept_for_kills")
        desk.amend(address[0], f'url = "{url}"')
        address[0] = f'url = "{url}"'
        (desk.folder / "billing.trail").write_bytes(marker)
        empty("")
        return url

    def empty(_url: str) -> None:
        for end in ("", "-wal", "-shm"):
            Path(f"{target}{end}").unlink(missing_ok=True)

    url = f"sqlite:///{target}"
    fresh()
    taken = steps_of_a_copy(desk, url)
    seen = set()
    for step in steps_to_die_at(taken):
        source = fresh()
        assert copy_to_step(desk, url, step) == -signal.SIGKILL
        seen.add(go_on(desk, source, url, empty))
    assert len(seen) >= len(ANSWERS) - 1, seen
