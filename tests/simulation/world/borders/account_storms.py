"""Account storms: names, keys and customers of the settings that change in a run."""

from collections.abc import Callable
from datetime import datetime, timedelta

from billing.domain.call_times import USUAL_TOLERANCE
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import HOUR
from tests.simulation.world.world import World

Later = Callable[[datetime, Callable[[], None]], None]
PROJECT = "project-"


def _is_project(label: str) -> bool:
    return label.startswith(PROJECT)


class AccountStorms:
    """Lets a person edit the settings; whoever works starts anew with them."""

    def __init__(self, world: World, moment: Callable[[], datetime], later: Later):
        self._world = world
        self._settings = world.settings
        self._moment = moment
        self._later = later
        self._edits = 0

    def plan(self) -> None:
        """Decide which edits come, and when."""
        weather = self._world.weather
        for fault, begin, end in (
            (Fault.ACCOUNT_RENAMED, self._rename, None),
            (Fault.NEW_KEY, self._new_key, None),
            (Fault.CUSTOMER_RENAMED, self._rename_customer, None),
            (Fault.ACCOUNT_DOUBLED, self._double, self._put_back),
            (Fault.KEYS_EXCHANGED, self._exchange, self._put_back),
            (Fault.ACCOUNT_LEAVES, self._leave, self._put_back),
            (Fault.PROJECT_BESIDE, self._add_project, self._put_back),
        ):
            for _ in range(2):
                if weather.strikes(fault):
                    begins = self._moment()
                    self._later(begins, begin)
                    if end is not None:
                        self._later(begins + self._some_hours(), end)
        if self._settings.was_lenient:
            self._later(self._moment(), self._upgrade)
        if weather.strikes(Fault.KEY_REASSIGNED) and len(self._settings.homes) > 1:
            begins = self._moment()
            self._later(begins, self._swap_at_pamela)
            self._later(begins + self._some_hours(), self._swap_at_pamela)

    def _upgrade(self) -> None:
        """Let the version that compares times take an earlier one's place."""
        self._settings.times = USUAL_TOLERANCE
        self._edited("an upgrade")

    def _some_hours(self) -> timedelta:
        return self._world.chance.span(HOUR / 6, 20 * HOUR)

    def _name(self) -> str:
        return self._world.chance.pick(sorted(self._settings.homes))

    def _edited(self, what: str) -> None:
        self._world.schedule.note(f"settings: {what}: {self._settings.accounts}")
        self._world.register()
        self._world.restart()

    def _rename(self) -> None:
        self._edits += 1
        name = self._name()
        label, key = self._settings.homes[name]
        back = label != name and self._world.chance.happens(500)
        self._settings.homes[name] = (name if back else f"{name}-{self._edits}", key)
        self._put_back()

    def _new_key(self) -> None:
        self._edits += 1
        name = self._name()
        label, key = self._settings.homes[name]
        new = f"{key}-{self._edits}"
        self._settings.keys[new] = self._settings.keys[key]
        self._settings.homes[name] = (label, new)
        self._put_back()

    def _double(self) -> None:
        """Let a second name have an account's key, or a key of its own."""
        self._edits += 1
        _, key = self._settings.homes[self._name()]
        if self._world.chance.happens(500):
            new = f"{key}-{self._edits}"
            self._settings.keys[new] = self._settings.keys[key]
            key = new
        self._settings.accounts[f"double-{self._edits}"] = key
        self._edited("an account is doubled")

    def _exchange(self) -> None:
        homes = self._settings.homes
        known = self._world.view.rows("SELECT DISTINCT account FROM account_identity")
        if len(known) < 2 or len(homes) < 2:
            return  # who nobody knows yet has no key of another's
        (one, key), (other, other_key) = homes.values()
        self._settings.accounts |= {one: other_key, other: key}
        self._edited("two keys are exchanged")

    def _leave(self) -> None:
        label, _ = self._settings.homes[self._name()]
        # Who stays alone with the other's key is the other, and keeps that name.
        if len(self._settings.accounts) > 1 and not self._are_swapped():
            self._settings.accounts.pop(label, None)
            self._edited(f"{label} leaves")

    def _add_project(self) -> None:
        """Put a project beside its partner, or the partner beside its project."""
        self._edits += 1
        name = self._name()
        pamela = self._settings.keys[f"key_{name}"]
        partner = pamela.identity.partner_id
        # Each lists every call of the partner: a second one would be no other project.
        if partner is None or any(map(_is_project, self._settings.accounts)):
            return
        key = f"key_project-{self._edits}"
        self._settings.keys[key] = pamela.beside(f"project_{self._edits}")
        self._settings.accounts[f"{PROJECT}{self._edits}"] = key
        self._edited("a project stands beside its partner")

    def _swap_at_pamela(self) -> None:
        """Let Pamela answer to each of two keys as the other; nobody starts anew."""
        known = self._world.view.rows("SELECT DISTINCT account FROM account_identity")
        if len(known) < 2:
            return
        keys = self._settings.keys
        (_, one), (_, other) = self._settings.homes.values()
        keys[one], keys[other] = keys[other], keys[one]
        self._world.schedule.note(f"Pamela answers to {one} as to {other}")

    def _are_swapped(self) -> bool:
        """Say whether Pamela answers to a key as to another's."""
        settings = self._settings
        return any(
            settings.keys[key] is not settings.partners[name]
            for name, (_, key) in settings.homes.items()
        )

    def _rename_customer(self) -> None:
        if self._world.has_moved(self._settings.default):
            return
        self._edits += 1
        self._settings.rename_customer(self._edits)
        self._edited(f"the customer is {self._settings.default}")

    def _put_back(self) -> None:
        self._settings.put_back()
        self._edited("every account stands once")
