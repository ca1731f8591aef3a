"""Weather: which faults one run has, drawn from its seed."""

from collections.abc import Iterable

from tests.simulation.trace import Trace
from tests.simulation.world.catalogue import (
    BEYOND,
    BORDERS,
    CLOCKS,
    DAYS,
    DRAWN_APART,
    THEMES,
    Fault,
)
from tests.simulation.world.chance import OF_ALL, Chance


class Weather:
    """Which faults one run has, and how strong; a tenth of the runs is calm."""

    CALM = 100
    DENSITIES = (80, 150, 300, 500)
    STRENGTHS = (300, 1_000, 1_000, 3_000)
    THEMED = 750
    OF_DAYS, OF_BEYOND, OF_ONE = 150, 40, 150

    def __init__(
        self, chance: Chance, apart: Chance, trace: Trace, *, borders: bool
    ) -> None:
        self._chance = chance
        self._trace = trace
        self.over = False
        self._odds: dict[Fault, int] = {}
        self.calm = chance.happens(self.CALM)
        if self.calm:
            return
        themed = chance.happens(self.THEMED)
        density = self.DENSITIES[0] if themed else chance.pick(self.DENSITIES)
        for fault in Fault:
            if fault not in DRAWN_APART and chance.happens(density):
                strength = chance.pick(self.STRENGTHS)
                self._odds[fault] = fault.per_mille * strength // OF_ALL
        if themed:
            for fault in chance.pick(THEMES):
                self._odds[fault] = min(fault.per_mille * 3, 900)
        if apart.happens(self.OF_BEYOND):
            self._have((*DAYS, *BEYOND), without=(*BORDERS, *CLOCKS))
        elif apart.happens(self.OF_DAYS):
            self._have(DAYS, without=CLOCKS)
        if apart.happens(self.OF_ONE):
            self._have((Fault.CUSTOMER_UNSERVED,), without=())
        if not borders:
            self._have((), without=BORDERS)

    def _have(self, faults: Iterable[Fault], without: Iterable[Fault]) -> None:
        for fault in without:
            self._odds.pop(fault, None)
        for fault in faults:
            self._odds[fault] = min(fault.per_mille * 3, 900)

    def strikes(self, fault: Fault) -> bool:
        """Say whether a fault happens at this chance of it, and count it."""
        odds = self._odds.get(fault)
        if odds is None or self.over or not self._chance.happens(odds):
            return False
        self._trace.sometimes(fault.name)
        return True

    def may_have(self, fault: Fault) -> bool:
        """Say whether a fault can happen in this run at all."""
        return fault in self._odds

    @property
    def hours_of_run(self) -> tuple[int, int]:
        """The hours of the shortest run and of the longest.

        A daemon of two clocks works every hour, and lags of days take days to matter.
        """
        if self.may_have(Fault.OFF_FOR_DAYS):
            return 96, 168
        return 12, 16 if self.may_have(Fault.CLOCK_DAYS) else 56

    def present(self) -> list[str]:
        """Name the faults of this run."""
        return [fault.name for fault in self._odds]
