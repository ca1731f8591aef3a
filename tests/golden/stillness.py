"""Stillness: put on the path as `sitecustomize`, it takes chance out of one checkout.

It only acts when GOLDEN_CHECKOUT names the checkout, and only on calls that its own
code makes, told by the file they come from, so that no name in it has to be known:

- the wall clock stands at GOLDEN_NOW;
- the counter behind the sandbox's clock is a number in the file GOLDEN_COUNTER, which
  all processes of a world share; a wait of the service moves it on and takes no time;
- threads do their work one after another, in the order that it was handed out;
- a new signing key follows from the command that makes it.
"""

import ctypes
import gc
import hashlib
import mmap
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

COUNTER = struct.Struct("d")
SANDBOX_MARKS = {"sandbox", "--multiprocessing-fork"}


def is_ours() -> bool:
    """Say whether the caller of our caller is code of the checkout's service."""
    file = sys._getframe(2).f_code.co_filename
    # The client's own timeouts guard real connections: they are left alone.
    skipped = ("/.venv/", "/client/", "/tests/")
    ours = file.startswith(os.environ["GOLDEN_CHECKOUT"])
    return ours and not any(part in file for part in skipped)


def is_sandbox() -> bool:
    """Say whether this process is the sandbox, which serves and waits for real."""
    return not SANDBOX_MARKS.isdisjoint(sys.orig_argv[1:4])


class Counter:
    """Seconds that have passed in a world, shared by its processes."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as handle:
            self._page = mmap.mmap(handle.fileno(), COUNTER.size)

    def read(self) -> float:
        """Return the seconds."""
        seconds: float = COUNTER.unpack_from(self._page)[0]
        return seconds

    def add(self, seconds: float) -> None:
        """Let time pass."""
        COUNTER.pack_into(self._page, 0, self.read() + max(seconds, 0.0))


def still_counters(counter: Counter) -> None:
    """Let the counter stand, but for the waits of the service."""
    import threading
    import time

    tick, pause, wait = time.monotonic, time.sleep, threading.Event.wait
    serves = is_sandbox()

    def monotonic() -> float:
        return counter.read() if is_ours() else tick()

    def sleep(seconds: float) -> None:
        if serves or not is_ours():
            pause(seconds)
        else:
            counter.add(seconds)

    def wait_for(event: threading.Event, timeout: float | None = None) -> bool:
        if serves or timeout is None or not is_ours():
            return wait(event, timeout)
        if not event.is_set():
            counter.add(timeout)
        return event.is_set()

    vars(time).update(monotonic=monotonic, sleep=sleep)
    threading.Event.wait = wait_for  # type: ignore[assignment, method-assign]


def still_wall_clock(moment: str) -> None:
    """Let `datetime.now` stand, without another class in its place."""
    from datetime import datetime

    stands = datetime.fromisoformat(moment)
    [names] = gc.get_referents(datetime.__dict__)
    real = names["now"]

    def now(cls: type[datetime], tz: Any = None) -> datetime:
        return stands.astimezone(tz) if is_ours() else real.__get__(None, cls)(tz)

    names["now"] = classmethod(now)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))


def one_after_another() -> None:
    """Let pools of threads do each piece of work as it is handed in."""
    import concurrent.futures

    class AtOnce(concurrent.futures.Executor):
        def __init__(self, *_given: object, **_named: object) -> None:
            """Need no threads."""

        def submit(
            self, work: Callable[..., Any], /, *given: Any, **named: Any
        ) -> "concurrent.futures.Future[Any]":
            future: concurrent.futures.Future[Any] = concurrent.futures.Future()
            try:
                future.set_result(work(*given, **named))
            except BaseException as fault:  # noqa: BLE001 # as a pool keeps it
                future.set_exception(fault)
            return future

    vars(concurrent.futures)["ThreadPoolExecutor"] = AtOnce


def known_keys() -> None:
    """Let a new key follow from whether it is the first one."""
    from cryptography.hazmat.primitives.asymmetric import ed25519

    def generate(cls: type[ed25519.Ed25519PrivateKey]) -> ed25519.Ed25519PrivateKey:
        seed = hashlib.sha256(f"golden {'rotate-key' in sys.argv}".encode())
        return cls.from_private_bytes(seed.digest())

    ed25519.Ed25519PrivateKey.generate = classmethod(generate)  # type: ignore


if "GOLDEN_CHECKOUT" in os.environ:
    still_counters(Counter(Path(os.environ["GOLDEN_COUNTER"])))
    still_wall_clock(os.environ["GOLDEN_NOW"])
    if not is_sandbox():
        one_after_another()
        known_keys()
