"""Move: a whole ledger is copied to an empty place, and goes on there alone.

The copy is whole before the ledger is marked as moved, and in force only after that: at
each moment at most one of them takes writes, also when the process is killed.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass

from billing.errors import InvariantViolated, LedgerMoved
from billing.ledger import migration
from billing.ledger.audit import signed_heads
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import chain_tip
from billing.ledger.audit.schema_history import record_copying
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import find_faults
from billing.ledger.move.at_work import hold_turn, refuse_others_at_work
from billing.ledger.move.marks import MoveState, newest_mark, set_mark
from billing.ledger.move.targets import (
    new_target,
    open_target,
    refuse_unfit_target,
)
from billing.ledger.move.transfer import Digests, compare, counts, transfer
from billing.ledger.rights import refuse_reader
from billing.pipeline.concurrency import Progress
from billing.pipeline.signing import refuse_rewound
from billing.ports import Memory

Watcher = Callable[[str], Progress]


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What would be copied where to."""

    source: str
    target: str
    rows: Mapping[str, int]  # of each table


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied; without tables, what was only finished."""

    source: str
    target: str
    event: int
    hash: str
    signed_head: int | None
    tables: Digests


def plan_copy(ledger: Ledger, memory: Memory, url: str) -> CopyPlan:
    """Return what would be copied; raises what the copying would raise at first."""
    target = _refuse_unfit(ledger, memory, url)
    with ledger.reading() as connection:
        return CopyPlan(ledger.address, target, counts(connection))


def copy_ledger_to(
    ledger: Ledger, memory: Memory, url: str, actor: Actor, watch: Watcher
) -> CopyReport:
    """Copy a ledger, mark it as moved, and put the copy in force.

    A copy that was killed after the mark is finished by the next. Raises BillingError;
    then the ledger is in force as before, or has moved and waits to be finished.
    """
    tables: Digests = {}
    if not _waits_there(ledger, url):
        _refuse_unfit(ledger, memory, url)
        tables = _copy(ledger, url, actor, watch)
    return _put_in_force(ledger, memory, url, actor, tables)


def _copy(ledger: Ledger, url: str, actor: Actor, watch: Watcher) -> Digests:
    """Make a whole copy that is not in force, and mark the ledger as moved."""
    with ExitStack() as unfinished:
        target = unfinished.enter_context(new_target(url, ledger))
        with ledger.writing() as connection:
            hold_turn(connection)
            record_copying(connection, actor, target.address, target.schema)
            tables = transfer(connection, target, watch("copy"))
            target.complete()
            compare(target, tables, watch("compare"))
            tip = chain_tip(connection)
            target.mark_arriving(ledger.address, tip, actor)
            unfinished.close()  # from here on it is whole, and not in force
            set_mark(connection, MoveState.MOVED, target.address, tip, actor)
    return tables


def _refuse_unfit(ledger: Ledger, memory: Memory, url: str) -> str:
    """Refuse a ledger that must not be copied, or a place that cannot take it."""
    refuse_rewound(ledger, memory)
    refuse_reader(ledger)
    target = refuse_unfit_target(url, ledger)
    with ledger.reading() as connection:
        refuse_others_at_work(connection)
        faults = find_faults(connection)
    broken = {str(name): words for name, words in faults.items() if words}
    if broken:
        raise InvariantViolated(broken, "it is not copied")
    return target


def _waits_there(ledger: Ledger, url: str) -> bool:
    """Say whether a ledger has moved to a copy that is still to be put in force."""
    with ledger.reading() as connection:
        mark = newest_mark(connection)
    if mark is None or mark.state is not MoveState.MOVED:
        return False
    reason = str(mark.why_not_in_force())
    with closing(open_target(url)) as target:
        if target.address == mark.address:
            migration.refuse_other_schema(target)
            with target.reading() as connection:
                there = newest_mark(connection)
            if there is not None and there.awaits(mark):
                return True
    raise LedgerMoved(reason)


def _put_in_force(
    ledger: Ledger,
    memory: Memory,
    url: str,
    actor: Actor,
    tables: Digests,
) -> CopyReport:
    """Let the copy take writes, now that the ledger takes none."""
    with ledger.reading() as connection:
        tip = chain_tip(connection)
    # From now on a backup of the ledger from before its move is known as one.
    memory.remember(tip.sequence, tip.hash)
    source = ledger.address
    with closing(open_target(url)) as copy:
        with copy.writing() as connection:
            set_mark(connection, MoveState.ARRIVED, source, tip, actor)
        with copy.reading() as connection:
            head = signed_heads.newest_head(connection)
        return CopyReport(
            source=source,
            target=copy.address,
            event=tip.sequence,
            hash=tip.hash,
            signed_head=head and head.head.number,
            tables=tables,
        )
