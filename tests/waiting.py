"""Waiting for another thread or process, however busy the machine is."""

import time
from collections.abc import Callable

import httpx2

LONGEST_WAIT_SECONDS = 60
LOOK_EVERY_SECONDS = 0.005


def wait_until(look: Callable[[], object], wanted: object = True) -> None:
    """Look again and again until what is seen is as wanted."""
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"{seen} instead of {wanted}"
        time.sleep(LOOK_EVERY_SECONDS)


def wait_until_answering(url: str) -> None:
    """Ask a server until it answers, whatever the answer is."""
    with httpx2.Client(
        trust_env=False, verify=False, timeout=LONGEST_WAIT_SECONDS
    ) as client:

        def answers() -> bool:
            try:
                client.get(url)
            except httpx2.TransportError:
                return False
            return True

        wait_until(answers)
