"""The world of one seed: a fed meter, a new ledger, a cut-over, the end of a month."""

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

from sqlalchemy import Engine

from billing.domain.break_causes import Cause
from billing.domain.period import BillingPeriod, cycle_months
from billing.errors import BadInput
from billing.ledger.reconcile import case_list
from billing.pipeline.adopt.cut_over import AdoptionState, CutOverOptions, adopt_meter
from billing.pipeline.adopt.decide import (
    DifferenceChoice,
    decide_difference,
    undo_adoption,
)
from billing.pipeline.close import CloseReport, close_period
from billing.pipeline.concurrency import SERIAL, no_progress
from billing.pipeline.cycle import CycleOptions, run_cycle
from billing.pipeline.sync.operator_actions import hold_sending, release_sending
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.world import BilledCustomer, new_sandbox
from tests.adoption.killed import Scene, work_until_killed
from tests.adoption.mortal import Life, MortalLedger, SandboxMeter, request_of
from tests.adoption.other_program import (
    DAY,
    HOUR,
    LONGEST_FLIGHT,
    Kind,
    PhoneCall,
    Report,
    minutes_of,
    reports_of,
)
from tests.pipeline.bench import Bench, call, of
from tests.pipeline.fakes import Killed
from tests.pipeline.virtual_clock import VirtualClock

MARCH = BillingPeriod(2026, 3)
FIRST_DAY = datetime(2026, 3, 26, tzinfo=UTC)
DAYS = 6
CUSTOMERS = ("acme", "globex", "initech", "umbrella")
PERSON = "a person"
# Who was killed after a decision has decided all the same.
LEFT = "SELECT customer FROM adoption WHERE kind = 'leave_difference'"


@dataclass
class CutOverWorld:
    """One seed: what is chosen by chance, and what has happened so far."""

    seed: int
    engine: Engine
    kills: bool = False  # a death is the end of a real process
    happened: Counter[str] = field(default_factory=Counter)
    adopted: set[str] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 0))

    def __post_init__(self) -> None:
        self.rng = rng = Random(self.seed)
        self.together = rng.random() < 0.5
        self.kinds = {name: rng.choice(list(Kind)) for name in CUSTOMERS}
        midnight = FIRST_DAY + rng.randrange(1, 4) * DAY
        self.from_hours = {
            name: midnight
            if self.together or kind is Kind.A_DAY
            else midnight + rng.randrange(24) * HOUR
            for name, kind in self.kinds.items()
        }
        self.choice = rng.choice(list(DifferenceChoice))
        self.way = rng.choice(("two readings", "stopped at", "sole reporter"))
        self.life = Life()
        start = midnight - rng.randrange(1, 20) * HOUR
        self.clock = VirtualClock(start)
        customers = [BilledCustomer(f"cus_{name}", name) for name in CUSTOMERS]
        self.sandbox = new_sandbox(
            PamelaState(), customers, FIRST_DAY, rate_limits="off"
        )
        mode = self.sandbox.stripe.test
        mode.rules.summary_spread = rng.choice((0, 0, 1, 2)) * HOUR
        self.bench = Bench(
            ledger=MortalLedger(self.engine, self.life),
            customers=CUSTOMERS,
            clock=self.clock,
            # A false statement: ours was sent beside the other's, before anybody saw.
            sole_reporter=self.choice is DifferenceChoice.SEND and rng.random() < 0.3,
        )
        self.meter = SandboxMeter(mode, self.clock, self.life)
        self.calls = self._make_calls()
        self.reports = sorted(
            (
                report
                for name, kind in self.kinds.items()
                for report in reports_of(
                    kind,
                    [each for each in self.calls if each.customer == name],
                    self.from_hours[name],
                    rng,
                )
            ),
            key=lambda report: report.arrives,
        )
        self.pass_to(start)
        if self.choice is DifferenceChoice.LEAVE:
            # As in shadow: what is left is the other's alone, nothing was sent beside.
            for name in CUSTOMERS:
                hold_sending(self.bench.ledger, PERSON, start, name, "not yet ours")

    def _make_calls(self) -> list[PhoneCall]:
        rng, calls = self.rng, []
        for number in range(rng.randrange(24, 80)):
            at = FIRST_DAY + rng.randrange((DAYS * 24 - 4) * 60) * HOUR / 60
            each = PhoneCall(
                id=f"call_{number}",
                customer=rng.choice(CUSTOMERS),
                at=at,
                seconds=rng.choice((1, 60, 61, rng.randrange(1, 3_600))),
            )
            if rng.random() < 0.05:
                each.corrected = rng.randrange(1, 3_600)
            if rng.random() < 0.03:
                each.told_at = each.end + rng.randrange(1, 30) * HOUR
            calls.append(each)
        return calls

    def pass_to(self, moment: datetime) -> None:
        """Let time pass: the other's events arrive, and the source knows more."""
        while self.reports and self.reports[0].arrives <= moment:
            self._deliver(self.reports.pop(0))
        if moment > self.clock.now():
            self.clock.advance(seconds=(moment - self.clock.now()).total_seconds())
        now = self.clock.now()
        records = []
        for each in self.calls:
            if (each.told_at or each.end) <= now:
                later = max(each.end, self.from_hours[each.customer]) + 2 * DAY
                is_corrected = each.corrected is not None and later <= now
                seconds = each.corrected if is_corrected else each.seconds
                records.append(call(each.id, each.at, seconds, **of(each.customer)))
        self.bench.source.calls = records

    def _deliver(self, report: Report) -> None:
        sent = request_of(
            f"cus_{report.customer}", report.minutes, report.identifier, report.at
        )
        self.sandbox.stripe.test.receive_event(sent, report.arrives)
        self.told[report.customer] += report.minutes

    def mortally(self, job: Callable[[], None], deaths: float = 0.4) -> None:
        """Do a job, by a process that may die in it; another one does it again."""
        while True:
            self.life.steps = None
            if self.rng.random() < deaths:
                self.life.steps = self.rng.randrange(1, 800 if self.kills else 40)
            try:
                if self.kills and self.life.steps is not None:
                    self._work_until_killed(job)
                job()
            except Killed:
                self.happened["deaths"] += 1
                deaths /= 2
                self.clock.advance(minutes=self.rng.randrange(1, 20))
                continue
            finally:
                self.life.steps = None
            return

    def _work_until_killed(self, job: Callable[[], None]) -> None:
        mode = self.sandbox.stripe.test
        scene = Scene(self.engine, self.life, self.meter, mode, self.clock)
        work_until_killed(scene, job)
        self.life.steps = None  # it lived: another one does it again

    def options(self) -> CycleOptions:
        """Return what a cycle is handed: nothing is done side by side."""
        options = self.bench.cycle_options()
        return replace(
            options,
            concurrency=SERIAL,
            sync=replace(options.sync, concurrency=SERIAL),
            reconcile=replace(options.reconcile, concurrency=SERIAL),
        )

    def cycle(self) -> None:
        """Run a whole cycle."""
        months = cycle_months(self.clock.now(), MARCH)
        report = run_cycle(
            self.bench.ledger, self.meter, self.options(), months, lambda _: no_progress
        )
        assert not report.errors, report.errors

    def adopt(self) -> None:
        """Try to take over whoever is not yet ours, all at once or one by one."""
        names = [name for name in CUSTOMERS if name not in self.adopted]
        for several in [names] if self.together else [[name] for name in names]:
            if several:
                self._adopt(several)

    def _adopt(self, customers: Sequence[str]) -> None:
        self.clock.advance(minutes=1)  # what a cycle has sent, it sent before
        from_hour, now = self.from_hours[customers[0]], self.clock.now()
        is_stated = self.way != "two readings"
        quiet_at = from_hour + (LONGEST_FLIGHT + 2 * HOUR if is_stated else HOUR / 60)
        if now < quiet_at:
            return
        options = CutOverOptions(
            from_hour=from_hour,
            first_period=MARCH,
            livemode=False,
            clock=self.clock,
            actor=PERSON,
            reason="we take over",
            stopped_at=from_hour if self.way == "stopped at" else None,
            sole_reporter=self.way == "sole reporter",
        )
        names = {name: f"cus_{name}" for name in customers}
        for result in adopt_meter(self.bench.ledger, self.meter, options, names):
            self.happened[f"{result.state}"] += 1
            if result.state is AdoptionState.ADOPTED and self.rng.random() < 0.1:
                self._undo(result.customer)
            elif result.is_done:
                self._go_on(result.customer)

    def _go_on(self, customer: str) -> None:
        if self.choice is DifferenceChoice.LEAVE:
            now = self.clock.now()
            with contextlib.suppress(BadInput):  # it was released, and then killed
                release_sending(self.bench.ledger, PERSON, now, customer, "ours now")
        self.adopted.add(customer)

    def _undo(self, customer: str) -> None:
        now = self.clock.now()
        undo_adoption(self.bench.ledger, PERSON, now, customer, "not yet")
        self.happened["undone"] += 1

    def decide(self) -> None:
        """Decide the differences that reconciliations have found."""
        with self.bench.ledger.reading() as connection:
            cases = case_list.list_cases(connection, case_list.CaseFilter(period=MARCH))
        for case in cases:
            is_open = case.acknowledged_at is None
            if case.cause is Cause.OPENING_DIFFERS and case.customer and is_open:
                self._decide(case.customer)

    def _decide(self, customer: str) -> None:
        try:
            decide_difference(
                self.bench.ledger,
                PERSON,
                self.clock.now(),
                customer,
                self.choice,
                reason="we looked",
            )
        except BadInput as fault:
            words = str(fault)
            assert "no difference to decide" in words or "no reconciliation" in words
            self.happened["nothing to decide"] += 1
            return
        self.happened[f"difference: {self.choice}"] += 1

    def close(self) -> CloseReport:
        """Close the month."""
        return close_period(
            self.bench.ledger,
            self.meter,
            self.options(),
            MARCH,
            lambda _: no_progress,
            reason="it is over",
        )

    def should_be_billed(self, customer: str) -> int:
        """Add up what is right: every call once, or what the other told, and ours."""
        left = {name for (name,) in self.bench.rows(LEFT)}
        minutes = 0
        for each in self.calls:
            is_ours = customer not in left or each.at >= self.from_hours[customer]
            if each.customer == customer and is_ours:
                known = each.seconds if each.corrected is None else each.corrected
                minutes += minutes_of(known)
        return minutes + (self.told[customer] if customer in left else 0)

    def invoiced(self, customer: str) -> int:
        """Read in the sandbox's own books what its final invoice bills."""
        books = self.sandbox.stripe.truth("stripe_minutes", now=self.clock.now())
        test = books["test"]
        assert isinstance(test, dict)
        months = test.get(f"cus_{customer}", {}).get("invoiced", {})
        return int(months.get(str(MARCH), {}).get("stripe_minutes", 0))
