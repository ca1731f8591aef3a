"""Recognition: what a source says unchanged, and the rules too, is not rated again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore

from billing.domain.call import CLOCK_TOLERANCE
from billing.ledger.database import Ledger
from billing.ledger.pull.known_readings import (
    KnownReading,
    has_calls,
    known_readings,
    read_by_rules,
)
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.part import Recognise, recognise_nothing
from billing.ports import CallMark

# Of many readers so few ask the ledger at a time: it answers quicker than a source.
_ASK_AT_ONCE = 4


def recognition(ledger: Ledger, rules: AccountRules) -> Recognise:
    """Return what recognises an account's calls; nothing where none can be."""
    # Whether a value is withheld, or kept no longer, is looked at in each.
    if rules.metadata.keys:
        return recognise_nothing
    with ledger.reading() as connection:
        is_known = has_calls(connection, rules.account.name)
    return Recognition(ledger, rules).of if is_known else recognise_nothing


@dataclass(frozen=True, slots=True)
class Recognition:
    """Tells which records of a page are as they were recorded, by the rules of now.

    A record's digest is of all that it says. So where the newest revision of a call is
    of the same record, and the same rules rated it, rating it anew comes to the same:
    it is recorded already, neither held nor in quarantine, and has its metadata.
    """

    ledger: Ledger
    rules: AccountRules
    _fit: dict[int, bool] = field(default_factory=dict)  # pulls, by their rules
    _turns: BoundedSemaphore = field(
        default_factory=lambda: BoundedSemaphore(_ASK_AT_ONCE)
    )

    def of(self, marks: Sequence[CallMark], now: datetime) -> dict[str, KnownReading]:
        """Return the calls that are unchanged, by their ids."""
        digests = _told_once(marks)
        if not digests:
            return {}
        with self._turns, self.ledger.reading() as connection:
            known = known_readings(
                connection, self.rules.account.name, digests, now + CLOCK_TOLERANCE
            )
            unasked = {each.pull_id for each in known} - self._fit.keys()
            if unasked:
                fit = read_by_rules(connection, unasked, self.rules.sha256)
                self._fit.update((number, number in fit) for number in unasked)
        customers = self.rules.customers
        return {
            each.call_id: each
            for each in known
            if self._fit[each.pull_id]
            and (each.customer is None or each.customer in customers)
        }


def _told_once(marks: Iterable[CallMark]) -> dict[str, str]:
    """Return the digests of the ids that stand for one record each."""
    digests: dict[str, str] = {}
    doubtful: set[str] = set()
    for call_id, sha256 in marks:
        if call_id is not None and digests.setdefault(call_id, sha256) != sha256:
            doubtful.add(call_id)
    for call_id in doubtful:
        del digests[call_id]
    return digests
