"""Planted bugs beside the ledger: copies, sessions, holds that stay, first months."""

from datetime import timedelta
from typing import Any

from billing.domain import breaks_meter
from billing.domain.break_causes import Cause
from billing.domain.break_groups import TOO_MUCH
from billing.domain.period import EARLIEST
from billing.ledger.close import readiness
from billing.ledger.locking.session import LockSession
from billing.ledger.sync import first_contact
from billing.ledger.sync.send_holds import SendHold
from billing.pipeline.sync import sending_stops
from billing.pipeline.sync.send import Sender
from billing.pipeline.sync.sending_stops import SendingStops
from tests.simulation.planted.bug import Planted, always, bug

HOLD_LASTS = timedelta(hours=6)


def _unread(real: Any) -> Any:
    def free(session: Any, number: int, grant: Any) -> bool:
        real(session, number, grant)
        return True

    return free


def _asked_once(real: Any) -> Any:
    def may_send(sender: Any, event: Any, written_at: Any, pending: Any) -> bool:
        if event.attempts:
            since = event.first_unknown_at or written_at
            return bool(sender._is_due(event, since, pending))
        return bool(real(sender, event, written_at, pending))

    return may_send


def _for_some_hours(real: Any) -> Any:
    def in_force(stops: Any) -> Any:
        since = stops._time.now() - HOLD_LASTS
        return [hold for hold in real(stops) if hold.at > since]

    return in_force


def _newest_alone(real: Any) -> Any:
    def in_force(connection: Any) -> Any:
        query = "SELECT held FROM send_hold ORDER BY id DESC LIMIT 1"
        newest = connection.exec_driver_sql(query).scalar()
        return real(connection) if newest else []

    return in_force


def _late_in_own_hours(real: Any) -> Any:
    def cause(meter_totals: Any, hour: Any, rest: Any, *, settled: bool) -> Cause:
        found: Cause = real(meter_totals, hour, rest, settled=settled)
        is_own = bool(meter_totals.events.get(hour))
        return Cause.NOT_SETTLED if is_own and found in TOO_MUCH else found

    return cause


BESIDE_BUGS: tuple[Planted, ...] = (
    bug(
        "that a lock was not held to its end is not read",
        (LockSession, "free", _unread),
    ),
    bug(
        "a month that is not billed here stands in the way of a close",
        (
            readiness,
            "_earlier_open",
            lambda real: lambda ledger, period, _first: real(ledger, period, EARLIEST),
        ),
    ),
    bug(
        "a retry does not ask again whether sending is held",
        (Sender, "_may_send", _asked_once),
    ),
    bug(
        "a hold that nobody lifts ends by itself",
        (SendingStops, "in_force", _for_some_hours),
    ),
    bug(
        "the release of one customer lifts every hold",
        (sending_stops, "holds_in_force", _newest_alone),
    ),
    bug("a hold that stands is told nowhere", (SendHold, "sentence", always(""))),
    bug(
        "who has sent into a month never reads it again before a send",
        (first_contact, "_is_watched", always(True)),
    ),
    bug(
        "more than ours in an hour of our own is taken for a lag",
        (breaks_meter, "_rest_cause", _late_in_own_hours),
    ),
)
