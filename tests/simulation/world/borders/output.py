"""Output in the simulation: a standard output that nobody reads, or that is full."""

import errno
import io

from billing.output import LossyFile
from billing.pipeline.cycle_report import Step
from tests.simulation.trace import Violation
from tests.simulation.weather import Weather
from tests.simulation.world.catalogue import Fault


class FailingStream(io.RawIOBase):
    """What is behind the output: it fails at times, as a pipe or a disk does."""

    def __init__(self, weather: Weather) -> None:
        super().__init__()
        self._weather = weather
        self.failed = 0

    def writable(self) -> bool:
        """Say yes, as a pipe does until it is written to."""
        return True

    def write(self, data: object) -> int:
        """Take all of it, or none."""
        if self._weather.strikes(Fault.OUTPUT_FAILS):
            self.failed += 1
            codes = errno.EPIPE, errno.ENOSPC
            raise OSError(codes[self.failed % 2], "the output failed")
        return len(bytes(data))  # type: ignore[call-overload]


class SimOutput:
    """The standard output of one process, with a line for each step."""

    def __init__(self, weather: Weather) -> None:
        self._stream = FailingStream(weather)
        self._file = LossyFile("standard output", _Behind(self._stream))  # type: ignore[arg-type]

    def tell(self, step: Step) -> None:
        """Write a line about a step, as the daemon and `run` do."""
        try:
            self._file.write(f"{type(step).__name__}\n".encode())
        except OSError as fault:
            words = f"a line that cannot be written ends the work: {fault}"
            raise Violation("I41", words) from None

    def judge(self) -> None:
        """Demand that what was lost is told, and nothing else."""
        loss = self._file.new_loss()
        if bool(loss) != bool(self._stream.failed):
            words = f"{self._stream.failed} lines were lost, and it says {loss}"
            raise Violation("I41", words)
        self._stream.failed = 0


class _Behind:
    def __init__(self, stream: FailingStream) -> None:
        self.buffer = stream
