"""Recording: a part of a pull becomes durable in one commit, with all it changes."""

from dataclasses import dataclass

from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import call_metadata, calls, quarantine
from billing.ledger.pull.calls import RecordedCalls
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.part import PulledPart


@dataclass(frozen=True, slots=True)
class Recording:
    """For which pull a part is recorded, by whose rules, and by whom."""

    pull_id: int
    period: BillingPeriod
    rules: AccountRules
    actor: Actor

    @property
    def context(self) -> calls.PullContext:
        """What every row shares."""
        return calls.PullContext(
            pull_id=self.pull_id,
            at=self.actor.at,
            currency=self.rules.prices.currency,
            price_ids=self.rules.price_ids,
            first_period=self.rules.first_period,
        )


def record_part(
    ledger: Ledger, part: PulledPart, recording: Recording
) -> RecordedCalls:
    """Record a part's calls, with all they change, in one commit.

    Calls that are held go into quarantine: each is another one than its id says.
    """
    now, account = recording.actor.at, recording.rules.account.name
    understood = {item.call.call_id for item in part.readings}
    understood.update(known.call_id for known in part.unchanged)
    if not part.readings and not part.set_aside:
        with ledger.reading() as connection:
            if not quarantine.holds_any(connection, account, understood):
                return RecordedCalls()
    with ledger.writing() as connection:
        recorded = calls.record_readings(connection, recording.context, part.readings)
        kept, held = part.readings, {each.item.call_id for each in recorded.held}
        if held:
            kept = [item for item in kept if item.call.call_id not in held]
        call_metadata.keep(connection, kept, now)
        released = quarantine.release(connection, account, understood - held, now)
        set_aside = [*part.set_aside, *(each.item for each in recorded.held)]
        quarantine.set_aside(
            connection,
            set_aside,
            period=recording.period,
            pull_id=recording.pull_id,
            now=now,
        )
        if recorded.changed or released or set_aside:
            detail = {
                "pull": recording.pull_id,
                "calls_changed": recorded.changed,
                "released": released,
                "set_aside": len(set_aside),
                "decisions_overruled": sorted(recorded.overruled),
                "metadata_withheld": sum(
                    len(item.metadata.withheld) for item in part.readings
                ),
            }
            audit_log.record(
                connection,
                recording.actor,
                "calls.recorded",
                str(recording.period),
                detail,
            )
    return recorded
