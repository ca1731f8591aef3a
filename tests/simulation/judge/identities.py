"""Identities: no partner is pulled twice, or under a name that is another's."""

from typing import TYPE_CHECKING

from tests.simulation.trace import Violation
from tests.simulation.world.machine import Machine
from tests.simulation.world.pamela import SimPamela

if TYPE_CHECKING:
    from tests.simulation.world.world import World


class Identities:
    """Holds the accounts of one ledger to who truly answers for them."""

    def __init__(self) -> None:
        self._first: dict[str, SimPamela] = {}

    def judge(self, machine: Machine, account: str, pamela: SimPamela) -> None:
        """Judge a pull that begins: who is read, and through how many names."""
        first = self._first.setdefault(account, pamela)
        if first.calls is not pamela.calls:
            raise Violation("I37", f"{account} is read from another partner than ever")
        machine.pulled[account] = pamela
        names = [
            name
            for name, read in machine.pulled.items()
            if isinstance(read, SimPamela) and read.calls is pamela.calls
        ]
        # Who does not say who it is can be told apart by its calls alone.
        if len(names) > 1 and pamela.identity.partner_id is not None:
            raise Violation("I37", f"one partner is pulled as {names}")


def judge_unread(world: "World") -> None:
    """An account that is not read is named, and only where nobody can say who it is."""
    for name in sorted(world.unread):
        label, _ = world.settings.homes[name]
        if not any(label in words for words in world.complaints):
            raise Violation("I37", f"{label} is not read, and nothing says so")
        if world.settings.partners[name].identity.partner_id is not None:
            raise Violation("I37", f"{label} is not read in fair weather")
        world.trace.sometimes("an account stays refused")
