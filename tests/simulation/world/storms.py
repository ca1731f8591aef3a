"""Storms: faults that last, in the world around the daemons."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from billing.domain.cycle_schedule import TICK
from billing.sandbox.stripe.http.errors import forbidden, refused, server_error
from billing.sandbox.stripe.metering.rejections import Rejection
from tests.simulation.world.borders.account_storms import AccountStorms
from tests.simulation.world.borders.foreign import plan_foreign_reporter
from tests.simulation.world.borders.ledger_storms import LedgerStorms
from tests.simulation.world.borders.people import People
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import HOUR, Host
from tests.simulation.world.stripe_side import as_raised
from tests.simulation.world.world import World

CODES = (
    "meter_event_customer_not_found",
    "archived_meter",
    "meter_event_invalid_value",
)
MINUTE = timedelta(minutes=1)


class Storms:
    """Begins and ends what lasts; `clear` ends all of it."""

    def __init__(self, world: World, hosts: list[Host]) -> None:
        self._world = world
        self._hosts = hosts
        self._stripe = world.stripe
        self._span = world.until - world.schedule.now
        self._people = People(world, self._moment, self._later)

    def plan(self) -> None:
        """Decide, for every fault that lasts, whether and when it comes."""
        world = self._world
        if not world.weather.strikes(Fault.CUSTOMER_LATE):
            self._create_customers(len(world.settings.customers))
        else:
            self._create_customers(len(world.settings.customers) - 1)
            self._later(self._moment(), lambda: self._create_customers(None))
        stripe, pamela = self._stripe, world.chance.pick(world.pamelas)
        # For longer than identifiers are remembered, where summaries lag as long.
        lags_days = world.weather.may_have(Fault.SUMMARY_LAGS_DAYS)
        for fault, thing, name, longest in (
            (Fault.KEY_REVOKED, stripe, "key_revoked", 5),
            (Fault.OUTAGE, stripe, "down", 30),
            (Fault.DEAF, stripe, "deaf", 30),
            (Fault.MUTE, stripe, "mute", 72 if lags_days else 30),
            (Fault.LAPSED, pamela, "lapsed", 12),
        ):
            if world.weather.strikes(fault):
                self._lasting(thing, name, self._chance_of_hours(longest))
        if world.weather.strikes(Fault.SUMMARY_REGRESSES):
            top = self._moment().replace(minute=0, second=0, microsecond=0)
            self._later(top, partial(self._set, stripe, "forgetful", value=True))
            end = top + world.chance.span(MINUTE, 20 * MINUTE)
            self._later(end, partial(self._set, stripe, "forgetful", value=False))
        if world.weather.strikes(Fault.TOTALS_WRONG):
            self._later(self._moment(), lambda: setattr(pamela, "off_by", 3))
            self._later(self._moment(), lambda: setattr(pamela, "off_by", 0))
        self._plan_meter()
        for _ in range(3):
            if world.weather.strikes(Fault.REMAPPED):
                self._later(self._moment(), self._remap)
        AccountStorms(world, self._moment, self._later).plan()
        plan_foreign_reporter(world, self._moment, self._later)
        self._people.plan()
        LedgerStorms(world, self._moment, self._later).plan()
        if stripe.rejects:
            self._plan_rejections()
        self._plan_clocks()
        if world.weather.strikes(Fault.CUSTOMER_UNSERVED):
            self._leave_one_unserved()

    def _leave_one_unserved(self) -> None:
        """Refuse what is asked of one customer, and serve the others."""
        world, unserved = self._world, self._stripe.unserved
        name = world.chance.pick(list(world.settings.customers))
        said = as_raised(
            world.chance.pick((forbidden(), server_error(), refused("no")))
        )

        def begin() -> None:
            customer = world.settings.customers.get(name, name)
            world.schedule.note(f"{customer} is not served: {said}")
            unserved[customer] = said

        begins = self._moment()
        self._later(begins, begin)
        self._later(begins + self._chance_of_hours(72), unserved.clear)

    def _plan_meter(self) -> None:
        if self._world.weather.strikes(Fault.METER_UNFIT):
            begins = self._moment()
            self._later(begins, lambda: self._set_meter(active=False))
            ends = begins + self._chance_of_hours(8)
            self._later(ends, lambda: self._set_meter(active=True))

    def _remap(self) -> None:
        """Give a customer another address; whoever works starts anew with it."""
        world = self._world
        if world.keeps_addresses:
            return
        name = world.chance.pick(list(world.settings.customers))
        if world.has_moved(name):
            return
        before = world.settings.customers[name]
        back = before.endswith("0") and world.chance.happens(400)
        world.remap(name, before[:-1] if back else f"{before}0")
        self._create_customers(None)
        world.restart()

    def _plan_rejections(self) -> None:
        chance, books = self._world.chance, self._stripe.books
        rules = self._stripe.rules
        rules.report_samples = chance.pick((1, 3))
        rules.report_delay = chance.pick((timedelta(), MINUTE, HOUR))
        rules.reports_name_keys = chance.happens(300)
        for _ in range(3):
            if self._world.weather.strikes(Fault.REJECTED_LATER):
                customer = chance.pick(list(self._world.settings.customers.values()))
                order = Rejection(
                    chance.pick(CODES),
                    chance.pick((None, customer)),
                    chance.between(1, 4),
                    chance.span(timedelta(), HOUR),
                )
                self._later(self._moment(), partial(books.reject, order))

    def _plan_clocks(self) -> None:
        chance, weather = self._world.chance, self._world.weather
        for host in self._hosts:
            if weather.strikes(Fault.CLOCK_SKEWED):
                host.offset = timedelta(seconds=chance.between(-200, 200))
            if weather.strikes(Fault.CLOCK_FORWARD):
                step = chance.span(MINUTE, 3 * HOUR)
                self._later(self._moment(), partial(self._jump, host, step))
            if weather.strikes(Fault.CLOCK_BACK):
                back = -chance.span(MINUTE, 3 * HOUR)
                self._later(self._moment(), partial(self._jump, host, back))
            if weather.strikes(Fault.CLOCK_DAYS):
                days = chance.pick((-3, -1, 1, 3, 5)) * chance.span(
                    20 * HOUR, 28 * HOUR
                )
                begins = chance.pick((self._world.schedule.now, self._moment()))
                self._later(begins, partial(self._jump, host, days))
                ends = begins + self._chance_of_hours(9)
                self._later(ends, partial(self._jump, host, -days))

    def clear(self) -> None:
        """End every fault for good: what follows is fair weather."""
        world = self._world
        world.weather.over = True
        self._create_customers(None)
        self._stripe.clear_up()
        self._set_meter(active=True)
        for pamela in world.pamelas:
            pamela.lapsed = False
            pamela.off_by = 0
        world.settings.clear_up()
        self._people.release_all()
        world.locks.free_what_stays()
        for host in self._hosts:
            host.offset = timedelta()
        for process in world.schedule.processes:
            process.wake_at = min(process.wake_at, world.schedule.now)

    def _lasting(self, thing: object, name: str, length: timedelta) -> None:
        begins = self._moment()
        self._later(begins, partial(self._set, thing, name, value=True))
        self._later(begins + length, partial(self._set, thing, name, value=False))

    def _set(self, thing: object, name: str, *, value: bool) -> None:
        self._world.schedule.note(f"{name}: {value}")
        setattr(thing, name, value)

    def _set_meter(self, *, active: bool) -> None:
        meter = self._stripe.books.meters.by_id[self._stripe.meter_id]
        meter.deactivated_at = None if active else 1

    def _jump(self, host: Host, step: timedelta) -> None:
        self._world.schedule.note(f"the clock of {host.name} jumps by {step}")
        host.offset += step
        for process in self._world.schedule.processes:
            if process.name == host.name and process.looks_at_clocks:
                # It looks at both clocks every few seconds: it sees this soon.
                soon = self._world.schedule.now + TICK
                process.wake_at = min(process.wake_at, soon)

    def _create_customers(self, count: int | None) -> None:
        for name in list(self._world.settings.customers.values())[:count]:
            if not self._stripe.books.customers.exists(name):
                self._stripe.create_customer(name)

    def _moment(self) -> datetime:
        return self._world.schedule.now + self._world.chance.span(
            timedelta(), self._span
        )

    def _chance_of_hours(self, longest: int) -> timedelta:
        return self._world.chance.span(10 * MINUTE, longest * HOUR)

    def _later(self, moment: datetime, event: Callable[[], None]) -> None:
        if moment < self._world.until:
            self._world.schedule.at(moment, event)
