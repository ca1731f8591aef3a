"""Concurrency: pieces of work side by side, never more than are wanted then."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from billing.errors import MeterFault
from billing.pipeline.concurrency import SERIAL, run_each


def pieces(count: int, begun: list[int]) -> Iterator[Callable[[], int]]:
    """Give pieces of work, noting when each is taken."""
    for number in range(count):
        begun.append(number)
        yield lambda number=number: number  # type: ignore[misc]


def test_alone_each_piece_is_done_before_the_next_is_taken() -> None:
    begun: list[int] = []
    with SERIAL.pool(1, "work") as pool:
        results = run_each(pool, pieces(5, begun), lambda: 1)
        assert next(results) == 0
        assert begun == [0]
        assert list(results) == [1, 2, 3, 4]


@pytest.mark.parametrize("wanted", [1, 3, 8])
def test_no_more_are_underway_than_are_wanted(wanted: int) -> None:
    lock, underway, most = threading.Lock(), 0, 0

    def work() -> int:
        nonlocal underway, most
        with lock:
            underway += 1
            most = max(most, underway)
        threading.Event().wait(0.002)
        with lock:
            underway -= 1
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(run_each(pool, iter([work] * 40), lambda: wanted)) == 40
    assert most <= wanted


def test_what_is_wanted_is_asked_anew_for_each_piece() -> None:
    begun: list[int] = []
    wanted = iter([1, 1, 3, 3, 3, 3, 3, *[3] * 20])
    gate = threading.Event()

    def stay() -> int:
        gate.wait(10)
        return 1

    def work() -> Iterator[Callable[[], int]]:
        for number in range(6):
            begun.append(number)
            yield (lambda: 1) if number == 0 else stay

    with ThreadPoolExecutor(8) as pool:
        results = run_each(pool, work(), lambda: next(wanted))
        next(results)
        assert begun == [0]
        gate.set()
        assert sum(results) == 5


def test_a_fault_ends_it_and_takes_no_more() -> None:
    begun: list[int] = []

    def work() -> Iterator[Callable[[], int]]:
        yield from pieces(2, begun)
        yield fail
        yield from pieces(2, begun)

    def fail() -> int:
        raise MeterFault("odd")

    with SERIAL.pool(1, "work") as pool, pytest.raises(MeterFault):
        list(run_each(pool, work(), lambda: 1))
    assert begun == [0, 1]
