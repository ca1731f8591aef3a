"""Work in a process of its own that is killed: what it told Stripe stays told."""

import os
import pickle
import signal
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

from billing.sandbox.stripe.mode import StripeMode
from tests.adoption.mortal import METER, Life, SandboxMeter
from tests.pipeline.fakes import Killed
from tests.pipeline.virtual_clock import VirtualClock


class Scene(NamedTuple):
    """What a process works on; of it only the ledger's file outlives the process."""

    engine: Engine
    life: Life
    meter: SandboxMeter
    mode: StripeMode
    clock: VirtualClock


def work_until_killed(scene: Scene, job: Callable[[], None]) -> None:
    """Do a job in a process of its own; raises Killed when that ended by kill -9.

    It dies at a statement, at a commit, before a request or before its answer.
    """
    scene.engine.dispose()
    with tempfile.TemporaryDirectory(prefix="told-") as folder:
        told = Path(folder) / "told"
        told.touch()
        child = os.fork()
        if child == 0:
            _live(scene, job, told)
        _, status = os.waitpid(child, 0)
        _believe(scene, told)
    if os.WIFSIGNALED(status):
        raise Killed
    assert os.waitstatus_to_exitcode(status) == 0


def _live(scene: Scene, job: Callable[[], None], told: Path) -> None:
    """Be the process, to its end."""
    code = 1
    try:
        scene.life.end = lambda: os.kill(os.getpid(), signal.SIGKILL)
        scene.meter.tell = lambda *words: _append(told, (scene.clock.now(), *words))

        @event.listens_for(scene.engine, "before_cursor_execute")
        def execute(*_: object) -> None:
            scene.life.step()

        job()
        code = 0
    finally:
        os._exit(code)


def _append(told: Path, words: tuple[Any, ...]) -> None:
    with told.open("ab") as file:
        pickle.dump(words, file)


def _believe(scene: Scene, told: Path) -> None:
    """Let Stripe have counted whatever it was told."""
    with told.open("rb") as file:
        while file.peek(1):
            at, what, *words = pickle.load(file)
            _pass_to(scene.clock, at)
            if what == "send":
                sent, key = words
                scene.mode.receive_event(sent, at, request_key=key)
            else:
                scene.mode.cancel_event(METER, words[0], at)


def _pass_to(clock: VirtualClock, at: datetime) -> None:
    if at > clock.now():
        clock.advance(seconds=(at - clock.now()).total_seconds())
