"""The daemon: a cycle at once, then one at minute :00 of every hour, until stopped."""

import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from billing.app import App, opened_app
from billing.documents import step_line
from billing.domain.period import hour_of
from billing.errors import BillingError
from billing.pipeline.concurrency import Progress, no_progress
from billing.pipeline.cycle import Step, periods_at
from billing.pipeline.run import run_round
from billing.reports.sheets.formatting import spell

ACTOR = "pamela-billing daemon"
STOPPERS = {signal.SIGTERM, signal.SIGINT}
# How long a cycle may go on after the wish to stop; a kill would be safe as well.
GRACE_SECONDS = 5
LOOK_AT_SANDBOX_EVERY_SECONDS = 1
MISFIRE_GRACE_SECONDS = 3_600


def run_daemon(settings_file: Path, *, in_json: bool = False) -> None:
    """Run cycles until SIGTERM or SIGINT; raises BillingError when it cannot start."""
    stop = threading.Event()
    # Of several daemons on one ledger, it tells who wrote what.
    actor = f"{ACTOR} {socket.gethostname()}:{os.getpid()}"
    with opened_app(settings_file, actor=actor, stop=stop) as app, app.exclusive():
        # Threads inherit the mask, so the signals wait for `sigwait` and no one else.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPERS)
        log = _log(in_json=in_json or app.settings.log == "json")
        cycles = _Cycles(app, log, stop)
        now = spell(app.clock.now())
        log.info("start", now=now, first_period=_first(app), actor=actor)
        scheduler = _scheduled(cycles)
        number = signal.sigwait(STOPPERS)
        stop.set()
        scheduler.shutdown(wait=False)
        in_time = cycles.idle.wait(GRACE_SECONDS)
        log.info("stop", signal=signal.Signals(number).name, cycle_ended=in_time)
        if not in_time:
            # A request hangs. All that must survive is committed already.
            sys.stdout.flush()
            os._exit(0)


def _scheduled(cycles: "_Cycles") -> BackgroundScheduler:
    # What matters is in our own log; a late tick while a cycle runs does not.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler = BackgroundScheduler(timezone=UTC)
    trigger: BaseTrigger = CronTrigger(minute=0, timezone=UTC)
    job = cycles.run
    if cycles.follows_sandbox:
        trigger = IntervalTrigger(seconds=LOOK_AT_SANDBOX_EVERY_SECONDS, timezone=UTC)
        job = cycles.run_in_a_new_hour
    scheduler.add_job(
        job,
        trigger,
        # A cycle covers all that is due, so the first catches missed hours up.
        next_run_time=datetime.now(UTC),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=MISFIRE_GRACE_SECONDS,
    )
    scheduler.start()
    return scheduler


class _Cycles:
    """The job: whole cycles, one after another, each step of them logged."""

    def __init__(
        self, app: App, log: FilteringBoundLogger, stop: threading.Event
    ) -> None:
        self._app = app
        self._log = log
        self._stop = stop
        self._hour: datetime | None = None
        self._trouble: str | None = None
        self.idle = threading.Event()
        self.idle.set()

    @property
    def follows_sandbox(self) -> bool:
        """Whether the time comes from a sandbox, whose hours may pass in no time."""
        return self._app.settings.sandbox.clock_url is not None

    def run(self) -> None:
        """Run a cycle; whatever fails is logged, and the next hour tries again."""
        if self._stop.is_set():
            return
        self.idle.clear()
        try:
            self._run_cycle()
        except Exception as fault:  # noqa: BLE001 # the boundary: the daemon stays up
            # The words of a fault that nobody thought of might hold a secret.
            place = traceback.extract_tb(fault.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            kind, words = type(fault).__name__, where
            if isinstance(fault, BillingError):
                kind, words = fault.kind, str(fault)
            self._log.error("cycle", failed=True, error=kind, at=words)
        finally:
            self.idle.set()

    def run_in_a_new_hour(self) -> None:
        """Run a cycle when an hour of the sandbox's clock has begun since the last."""
        try:
            hour = hour_of(self._app.clock.now())
        except BillingError as fault:
            if self._trouble != str(fault):
                self._trouble = str(fault)
                self._log.error("clock", error=self._trouble)
            return
        self._trouble = None
        if hour != self._hour:
            self._hour = hour
            self.run()

    def _run_cycle(self) -> None:
        app, started = self._app, time.monotonic()
        now = app.clock.now()
        app.expire_metadata(now)
        report = run_round(
            app.ledger,
            app.meter,
            app.cycle_options(),
            app.trail,
            periods_at(now, app.settings.first_period),
            watch=_no_progress,
            on_step=self._on_step,
        )
        seconds = round(time.monotonic() - started, 3)
        log = self._log.error if report.failed else self._log.info
        log("cycle", now=spell(now), failed=report.failed, seconds=seconds)

    def _on_step(self, step: Step) -> None:
        name, fields = step_line(step)
        failed = isinstance(step, BillingError) or "error" in fields
        (self._log.error if failed else self._log.info)(name, **fields)


def _first(app: App) -> str:
    return str(app.settings.first_period)


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
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return log


def _in_order(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Begin every line with the same words."""
    first = {name: event.pop(name) for name in ("time", "level", "step")}
    return {**first, **event}
