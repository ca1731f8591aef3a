"""Planted bugs of the borders: contact, foreign minutes, holds, clocks, output."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from billing.domain import breaks_meter, cycle_schedule, meter_contact
from billing.domain.break_causes import Cause
from billing.domain.cycle_schedule import Plan
from billing.domain.meter_contact import (
    ContactDecision,
    ContactReading,
    ContactState,
)
from billing.ledger.reconcile import break_cases
from billing.ledger.sync import after_restore
from billing.ledger.sync.contact_context import EVER, ContactContext
from billing.output import LossyFile
from billing.pipeline import run
from billing.pipeline.pull.day import PullCounts
from billing.pipeline.sync import customer, first_contact, sync
from billing.pipeline.sync.sending_stops import SendingStops, StoppableHold
from tests.simulation.planted.bug import Planted, always, bug
from tests.simulation.world.borders.memory import SimMemory


def _admit_all(_real: Any) -> Any:
    return lambda _context, _contacts, due, *_findings: list(due)


def _without_stops(real: Any) -> Any:
    def read(connection: Any, now: Any) -> Any:
        return replace(real(connection, now), stops=())

    return read


def _by_wall_alone(_real: Any) -> Any:
    planned: dict[str, Any] = {}

    def plan(last_look: Any, last_cycle: Any, now: Any) -> Plan:
        if last_look is None or last_cycle is None:
            planned["next"] = now.wall
        is_due = now.wall >= planned["next"]
        if is_due:
            planned["next"] = now.wall + timedelta(hours=1)
        return Plan(is_due=is_due)

    return plan


def _raise(_file: Any, _data: Any) -> int:
    raise OSError("the output failed")


def _fails_with_its_stream(real: Any) -> Any:
    def write(file: Any, data: Any) -> int:
        lines = file._lines
        written = int(real(file, data))
        return _raise(file, data) if file._lines != lines else written

    return write


def _silent(real: Any) -> Any:
    def write(file: Any, data: Any) -> int:
        lines = file._lines
        written = int(real(file, data))
        file._lines = lines
        return written

    return write


def _only_all(_real: Any) -> Any:
    return lambda stops, _names: any(hold.customer is None for hold in stops.in_force())


def _only_one(_real: Any) -> Any:
    return lambda stops, names: any(hold.customer in names for hold in stops.in_force())


def _may_count_later(real: Any) -> Any:
    def cause(meter_totals: Any, hour: Any, rest: Any, *, settled: bool) -> Cause:
        found: Cause = real(meter_totals, hour, rest, settled=settled)
        return Cause.NOT_SETTLED if found is Cause.ABOVE_LEDGER else found

    return cause


BORDER_BUGS: tuple[Planted, ...] = (
    # First contact
    bug(
        "a month is sent into before it was read",
        (customer, "admit_events", _admit_all),
    ),
    bug(
        "one empty reading of a new meter is believed, whoever stated nothing",
        (meter_contact, "BETWEEN_CONTACTS", lambda _: timedelta()),
    ),
    bug(
        "what stood at the meter before is passed over",
        (ContactReading, "opening", lambda _: property(lambda _reading: 0)),
    ),
    bug(
        "a statement wins over what the meter shows",
        (
            first_contact,
            "decide_contact",
            lambda real: (
                lambda contact, now: (
                    ContactDecision(ContactState.CLEAR)
                    if contact.is_sole and contact.readings
                    else real(contact, now)
                )
            ),
        ),
    ),
    bug(
        "a contact is not repeated after a restore",
        (ContactContext, "remembers_from", lambda _: property(lambda _: EVER)),
    ),
    bug(
        "a restored ledger sends what waited as if nothing was sent since",
        (after_restore, "_mark_uncertain", always(None)),
    ),
    bug(
        "a ledger that was put back is written to by a cycle",
        (run, "refuse_rewound", always(None)),
        (SimMemory, "guard", always(None)),
    ),
    # Somebody else
    bug(
        "an open break by somebody else stops nothing",
        (sync, "read_context", _without_stops),
    ),
    bug(
        "more than ours waits until the meter has settled",
        (breaks_meter, "_rest_cause", _may_count_later),
    ),
    # A person's stop
    bug(
        "a hold is not looked at",
        (SendingStops, "holds", always(False)),
    ),
    bug("a hold of one customer holds nothing", (SendingStops, "holds", _only_all)),
    bug("a hold of all holds nobody", (SendingStops, "holds", _only_one)),
    bug(
        "a sync at work does not see a hold",
        (StoppableHold, "still_held", lambda _: lambda hold: hold._hold.still_held()),
    ),
    # Surroundings
    bug(
        "the next cycle is planned by the wall clock alone",
        (cycle_schedule, "plan_cycle", _by_wall_alone),
    ),
    bug(
        "a line that cannot be written ends the cycle",
        (LossyFile, "write", _fails_with_its_stream),
    ),
    bug("a line that is lost is not counted", (LossyFile, "write", _silent)),
    bug(
        "a stop stays lifted once a person has let a break be, however it grows",
        (break_cases, "_has_outgrown", always(False)),
    ),
    # What was read
    bug(
        "an id that is used again hides what is missing",
        (PullCounts, "understood", lambda _: PullCounts.__contains__),
    ),
)
