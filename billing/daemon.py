"""The daemon: a cycle at once, then one at minute :00 of every hour, until stopped."""

import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from billing.app import App, opened_app
from billing.documents import step_line
from billing.domain.cycle_schedule import Moment, Trigger, plan_cycle, until_next_look
from billing.domain.foreign_text import visible
from billing.domain.period import cycle_months
from billing.errors import BillingError
from billing.output import leaving_document, limit_patience, new_losses
from billing.pipeline.concurrency import Progress, no_progress
from billing.pipeline.cycle_report import Step
from billing.pipeline.run import run_round
from billing.reports.sheets.formatting import format_time

ACTOR = "pamela-billing daemon"
STOPPERS = {signal.SIGTERM, signal.SIGINT}
# How long a cycle may go on after the wish to stop; a kill would be safe as well.
GRACE_SECONDS = 5
LOOK_AT_SANDBOX_EVERY = timedelta(seconds=1)
# How long a line of the log waits for a reader who has stopped to read.
PATIENCE_SECONDS = 1
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALARM = "hour"
HOURLY = CronTrigger(minute=0, timezone=UTC)


def run_daemon(settings_file: Path, *, in_json: bool = False) -> bool:
    """Run cycles until SIGTERM or SIGINT; raises BillingError when it cannot start.

    Says whether all that it had to tell could be told.
    """
    stop = threading.Event()
    # Of several daemons on one ledger, it tells who wrote what.
    actor = f"{ACTOR} {visible(socket.gethostname())}:{os.getpid()}"
    with opened_app(settings_file, actor=actor, stop=stop) as app, app.exclusive():
        # Threads inherit the mask, so the signals wait for `sigwait` and no one else.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPERS)
        limit_patience(PATIENCE_SECONDS)
        log = _log(in_json=in_json or app.settings.log == "json")
        cycles = _Cycles(app, log, stop)
        now = format_time(app.clock.now())
        first = str(app.settings.first_period)
        log.info("start", now=now, first_period=first, actor=actor)
        alarm = _alarm(cycles, log)
        worker = threading.Thread(target=cycles.run_until_stopped, daemon=True)
        worker.start()
        number = signal.sigwait(STOPPERS)
        stop.set()
        cycles.wake()
        alarm.shutdown(wait=False)
        worker.join(GRACE_SECONDS)
        in_time = not worker.is_alive()
        log.info("stop", signal=signal.Signals(number).name, cycle_ended=in_time)
        told = not cycles.new_losses() and not cycles.lost
        if not in_time:
            # A request hangs. All that must survive is committed already.
            os._exit(0 if told else 1)
    return told


def _alarm(cycles: "_Cycles", log: FilteringBoundLogger) -> BackgroundScheduler:
    """Wake the cycles at minute :00 of every hour, UTC; what it warns of is logged."""
    library = logging.getLogger("apscheduler")
    library.setLevel(logging.WARNING)
    library.propagate = False
    library.handlers = [_SchedulerLog(log)]
    alarm = BackgroundScheduler(timezone=UTC)
    alarm.add_job(cycles.wake, HOURLY, id=ALARM, coalesce=True, max_instances=1)
    alarm.start()
    # It plans by the wall clock alone, so a clock that was set makes it plan anew.
    cycles.replan = lambda: alarm.reschedule_job(ALARM, trigger=HOURLY)
    return alarm


class _SchedulerLog(logging.Handler):
    """Puts what the scheduler warns of into the daemon's own log."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log a warning as a line of ours."""
        self._log.warning("scheduler", warning=record.getMessage())


class _Cycles:
    """Whole cycles, one after another, each step of them logged."""

    def __init__(
        self, app: App, log: FilteringBoundLogger, stop: threading.Event
    ) -> None:
        self._app = app
        self._log = log
        self._stop = stop
        self._last_look: Moment | None = None
        self._last_cycle: Moment | None = None
        self._trouble: str | None = None
        self._untold: list[str] = []
        self._awake = threading.Event()
        self.replan: Callable[[], object] = lambda: None
        self.lost = False

    def run_until_stopped(self) -> None:
        """Look at the clocks at every tick, and run the cycles that are due."""
        while not self._stop.is_set():
            try:
                wait = self._look()
            except Exception as fault:  # noqa: BLE001 # the boundary: the daemon stays up
                # The words of a fault that nobody thought of might hold a secret.
                place = traceback.extract_tb(fault.__traceback__)[-1]
                where = f"{Path(place.filename).name}:{place.lineno}"
                kind, words = type(fault).__name__, where
                if isinstance(fault, BillingError):
                    kind, words = fault.kind, str(fault)
                self._log.error("cycle", failed=True, error=kind, at=words)
                wait = LOOK_AT_SANDBOX_EVERY
            self._awake.wait(wait.total_seconds())
            self._awake.clear()

    def wake(self) -> None:
        """Have the clocks looked at now."""
        self._awake.set()

    def new_losses(self) -> list[str]:
        """Return what could not be told since this was asked last, and tell it."""
        losses = new_losses()
        for loss in losses:
            self.lost = True
            self._log.error("output", error=loss)
            sys.stderr.write(f"pamela-billing: {loss}; billing goes on\n")
        return losses

    def _look(self) -> timedelta:
        """Run a cycle when one is due; returns how long to wait for the next look."""
        now = self._read_clocks()
        if now is None:
            return LOOK_AT_SANDBOX_EVERY
        plan = plan_cycle(self._last_look, self._last_cycle, now)
        self._last_look = now
        if plan.jump:
            self._log.warning(
                "clock",
                now=format_time(now.wall),
                was_set_by_seconds=plan.jump // SECOND,
            )
            self.replan()
        if plan.is_due:
            self._last_cycle = now
            self._run_cycle()
            now = self._read_clocks() or now
        if self._follows_sandbox:
            return LOOK_AT_SANDBOX_EVERY
        return until_next_look(now.wall)

    @property
    def _follows_sandbox(self) -> bool:
        """Whether the time comes from a sandbox, whose hours may pass in no time."""
        return self._app.settings.sandbox.clock_url is not None

    def _read_clocks(self) -> Moment | None:
        """Read both clocks; None while a sandbox gives no time."""
        try:
            wall = self._app.clock.now()
            # A sandbox has one clock: two looks at it could part when it is moved.
            counter = (
                wall - EPOCH if self._follows_sandbox else self._app.clock.elapsed()
            )
        except BillingError as fault:
            if self._trouble != str(fault):
                self._trouble = str(fault)
                self._log.error("clock", error=self._trouble)
            return None
        self._trouble = None
        return Moment(wall, counter)

    def _run_cycle(self) -> None:
        app, started = self._app, time.monotonic()
        now = app.clock.now()
        app.expire_metadata(now)
        report = run_round(
            app.ledger,
            app.meter,
            app.cycle_options(Trigger.DAEMON, untold=self._untold),
            app.trail,
            cycle_months(now, app.settings.first_period),
            watch=_no_progress,
            on_step=self._on_step,
        )
        app.meter.rest()  # whoever is still at work may go as fast as there is
        seconds = round(time.monotonic() - started, 3)
        log = self._log.error if report.failed else self._log.info
        log("cycle", now=format_time(now), failed=report.failed, seconds=seconds)
        self._untold = self.new_losses()

    def _on_step(self, step: Step) -> None:
        name, fields = step_line(step)
        failed = isinstance(step, BillingError) or "error" in fields
        (self._log.error if failed else self._log.info)(name, **fields)


def _no_progress(_name: str) -> Progress:
    return no_progress


def _log(*, in_json: bool) -> FilteringBoundLogger:
    """Return a log of one line a step, to standard output, with times in UTC."""
    last = (
        structlog.processors.JSONRenderer()
        if in_json
        else structlog.processors.KeyValueRenderer()
    )
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.EventRenamer("step"),
            _in_order,
            _harmless,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return log


def _in_order(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Begin every line with the same words."""
    first = {name: event.pop(name) for name in ("time", "level", "step")}
    return {**first, **event}


def _harmless(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Let no line act on a terminal, nor show a secret."""
    fields: EventDict = leaving_document(event)
    return fields
