"""Life: how calls come about, go on, end, and change their minds."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from billing.domain.period import Window
from tests.simulation.source.contradictions import contradiction
from tests.simulation.weather import Weather
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.pamela import (
    DEFAULT_CUSTOMER,
    Record,
    SimCall,
    SimPamela,
    spelled,
)
from tests.simulation.world.schedule import Schedule

HOUR = timedelta(hours=1)
NEARLY = timedelta(seconds=59)  # a minute apart is let pass
SECONDS = (0, 1, 30, 59, 60, 61, 119, 120, 121, 600, 1_801, 3_599)
BROKEN: tuple[Record, ...] = (
    {"status": "wandering"},
    {"duration_seconds": "60"},
    {"duration_seconds": True},
    {"duration_seconds": -5},
    {"duration_seconds": 10**10},
    {"started_at": "2026-03-10T10:00:00"},
    {"started_at": "yesterday"},
    {"metadata": "none"},
)

NOT_BEGUN: Record = {
    "status": "queued",
    "started_at": None,
    "ended_at": None,
    "duration_seconds": None,
    "billed_minutes": None,
}


class Life:
    """Makes calls and schedules what becomes of them."""

    def __init__(
        self,
        schedule: Schedule,
        weather: Weather,
        pamelas: Sequence[SimPamela],
        until: datetime,
    ) -> None:
        self._schedule = schedule
        self._chance = schedule.chance
        self._weather = weather
        self._pamelas = pamelas
        self._pamela = pamelas[0]
        self._until = until
        self._made = 0
        # Calls that name no customer are the default one's.
        self._names_default = not weather.may_have(Fault.CUSTOMER_RENAMED)

    def begin(self, earlier: timedelta, calls: int) -> None:
        """Spread calls over the past and over the time to come."""
        span = self._until - (self._schedule.now - earlier)
        for _ in range(calls):
            offset = self._chance.span(timedelta(), span)
            created = self._schedule.now - earlier + offset
            if self._chance.happens(200):
                created = created.replace(minute=59, second=59, microsecond=999_000)
            if created < self._schedule.now:
                self.call(created)
            else:
                self._schedule.at(created, partial(self.call, created))

    def call(
        self,
        created: datetime,
        of: SimPamela | None = None,
        call_id: str | None = None,
    ) -> SimCall:
        """Make a call; what lies in its future is scheduled."""
        self._made += 1
        chance, weather = self._chance, self._weather
        pamela = of or chance.pick(self._pamelas)
        is_first = call_id is None  # of its id; what is broken, nobody can tell apart
        call_id = call_id or f"call_{self._made}"
        started = created + timedelta(seconds=chance.between(0, 8))
        seconds = chance.pick(SECONDS)
        length = timedelta(seconds=seconds)
        if weather.strikes(Fault.STUCK_CALL):
            longest = max(self._until - started, HOUR)
            length = min(timedelta(hours=chance.between(5, 23)), longest)
        if weather.strikes(Fault.PLANNED):
            created -= chance.span(timedelta(days=1), timedelta(days=89))
        customer = chance.pick(sorted(self._pamela.customers))
        if weather.strikes(Fault.UNKNOWN_CUSTOMER):
            customer = "ghost"
        record = NOT_BEGUN | {"id": call_id, "created_at": spelled(created)}
        record["metadata"] = self._metadata(customer)
        call = SimCall(id=call_id, created=created, record=record)
        if weather.strikes(Fault.SEEN_LATE):
            call.listed = False
            seen = created + chance.span(2 * HOUR, 60 * HOUR)
            self._later(min(seen, self._until), lambda: setattr(call, "listed", True))
        pamela.add(call)
        self._show_elsewhere(call, pamela)
        if weather.strikes(Fault.NEVER_ENDS):
            talks: Record = {"status": "in_progress", "started_at": spelled(started)}
            self._later(started, lambda: self._pamela.change(call, **talks))
            return call
        connects = not chance.happens(120)
        self._play(call, started, seconds, started + length, connects=connects)
        if connects and is_first and weather.strikes(Fault.MALFORMED):
            self._later(started + length, lambda: self._break(call))
        elif connects and is_first and weather.strikes(Fault.TIMES_CONTRADICT):
            # Some of them are billed before their times contradict.
            later = chance.pick((timedelta(), chance.span(HOUR, 9 * HOUR)))
            self._later(started + length + later, lambda: self._contradict(call))
        else:
            self._change_later(call, started + length)
        return call

    def _metadata(self, customer: str) -> Record:
        if customer == DEFAULT_CUSTOMER and not self._names_default:
            return {}
        return {"customer": customer}

    def _show_elsewhere(self, call: SimCall, pamela: SimPamela) -> None:
        """Let another account list the call too, or another call of its id."""
        for other in self._pamelas:
            if other is pamela or call.id in other.calls:
                continue
            if self._weather.strikes(Fault.LISTED_TWICE):
                other.add(call)
            elif self._weather.strikes(Fault.SAME_ID_ELSEWHERE):
                created = call.created + self._chance.span(-HOUR, HOUR)
                if created != call.created:
                    self.call(created, other, call.id)

    def _remove(self, call: SimCall) -> None:
        for pamela in self._pamelas:
            pamela.remove(call)

    def _use_again(self, call: SimCall) -> None:
        """Use the call's id for another one, where the first is seen no more."""
        lists = [one for one in self._pamelas if one.calls.get(call.id) is call]
        self._remove(call)
        if lists:
            again = self.call(self._schedule.now, lists[0], call.id)
            for other in lists[1:]:
                if call.id not in other.calls:
                    other.add(again)

    def _play(
        self,
        call: SimCall,
        started: datetime,
        seconds: int,
        over_at: datetime,
        *,
        connects: bool,
    ) -> None:
        ended = started + timedelta(seconds=seconds)
        if self._weather.strikes(Fault.TIMES_APART):
            ended = max(ended + self._chance.span(-NEARLY, NEARLY), started)
        end: Record = {
            "status": self._chance.pick(("completed", "completed", "failed")),
            "started_at": spelled(started) if connects else None,
            "ended_at": spelled(ended),
            "duration_seconds": seconds if connects else None,
            "billed_minutes": (-(-seconds // 60) or 1) if connects else None,
        }
        if connects and self._weather.strikes(Fault.OTHER_MINUTES):
            end["billed_minutes"] = -(-seconds // 60) + 2
        if connects:
            talks: Record = {"status": "in_progress", "started_at": spelled(started)}
            self._later(started, lambda: self._pamela.change(call, **talks))
        self._later(over_at, lambda: self._pamela.change(call, **end))

    def _later(self, moment: datetime, change: Callable[[], object]) -> None:
        if moment <= self._schedule.now:
            change()
        else:
            self._schedule.at(moment, change)

    def _change_later(self, call: SimCall, ended: datetime) -> None:
        """Let the source change its mind about a call that is over."""
        weather, chance = self._weather, self._chance
        for fault, change in (
            (Fault.REVISED_UP, self._revise_up),
            (Fault.REVISED_DOWN, self._revise_down),
            (Fault.MOVED_HOUR, self._move),
            (Fault.DATED_BACK, self._date_back),
            (Fault.MOVED_CUSTOMER, self._give_away),
            (Fault.UNBILLED_LATER, self._unbill),
            (Fault.CONNECTED_LATER, self._connect),
            (Fault.DELETED, self._remove),
            (Fault.ID_REUSED, self._use_again),
        ):
            if weather.strikes(fault):
                moment = ended + chance.span(timedelta(minutes=5), 30 * HOUR)
                if self._schedule.now < moment < self._until:
                    self._later(moment, partial(change, call))

    def _break(self, call: SimCall) -> None:
        self._spoil(call, self._chance.pick(BROKEN))

    def _contradict(self, call: SimCall) -> None:
        if self._talked(call) is None:
            return
        call.contradicts = True
        self._spoil(call, contradiction(call, self._chance))
        # As an earlier version bills it.
        call.billed.append(call.as_said())

    def _spoil(self, call: SimCall, fields: Record) -> None:
        """Let a record make no sense for some hours, or for good."""
        whole = call.record
        call.malformed = True
        self._pamela.change(call, **fields)

        def repair() -> None:
            call.malformed = call.contradicts = False
            self._pamela.change(call, **whole)

        moment = self._schedule.now + self._chance.span(HOUR, 40 * HOUR)
        for_good = call.contradicts and self._chance.happens(500)
        if moment < self._until and not for_good:
            self._later(moment, repair)

    def _talked(self, call: SimCall) -> int | None:
        seconds = call.record["duration_seconds"]
        return seconds if call.bill() and isinstance(seconds, int) else None

    def _set_length(self, call: SimCall, seconds: int) -> None:
        seconds = min(seconds, SECONDS[-1])
        ended = spelled(call.place + timedelta(seconds=seconds))
        self._pamela.change(
            call,
            duration_seconds=seconds,
            billed_minutes=-(-seconds // 60) or 1,
            ended_at=call.record["ended_at"] and ended,
        )

    def _revise_up(self, call: SimCall) -> None:
        seconds = self._talked(call)
        if seconds is not None:
            self._set_length(call, seconds + self._chance.between(30, 900))

    def _revise_down(self, call: SimCall) -> None:
        seconds = self._talked(call)
        if seconds is not None:
            self._set_length(call, seconds // self._chance.between(2, 6))

    def _move(self, call: SimCall) -> None:
        if self._talked(call) is not None:
            step = self._chance.pick((-1, 1)) * self._chance.span(HOUR, 20 * HOUR)
            start = min(call.place + step, self._schedule.now - HOUR)
            changes = {"started_at": spelled(start), "ended_at": None}
            self._pamela.change(call, **changes)

    def _date_back(self, call: SimCall) -> None:
        if self._talked(call) is not None:
            start = call.place - self._chance.span(HOUR, timedelta(days=40))
            changes = {"started_at": spelled(start), "ended_at": None}
            self._pamela.change(call, **changes)

    def _give_away(self, call: SimCall) -> None:
        if not call.malformed:
            customer = self._chance.pick(sorted(self._pamela.customers))
            self._pamela.change(call, metadata=self._metadata(customer))

    def _unbill(self, call: SimCall) -> None:
        if self._talked(call) is not None:
            self._pamela.change(
                call,
                status="failed",
                started_at=None,
                duration_seconds=None,
                billed_minutes=None,
            )

    def _connect(self, call: SimCall) -> None:
        if call.record["status"] == "failed" and call.bill() is None:
            start = spelled(call.created + timedelta(seconds=3))
            talked: Record = {"duration_seconds": 61, "billed_minutes": 2}
            self._pamela.change(call, started_at=start, ended_at=None, **talked)

    def move_the_list(self, pamela: SimPamela, window: Window) -> None:
        """Let calls come and go between two pages of a list."""
        present, _ = pamela.page(window, 0, 1_000)
        if self._weather.strikes(Fault.GONE_WHILE_PAGING):
            self._remove(self._chance.pick(present))
        newest = window.end > self._schedule.now - HOUR
        if newest and self._weather.strikes(Fault.CALL_WHILE_PAGING):
            self.call(self._schedule.now)
