"""As needed: what is recent is pulled, and a whole month daily, or when it is off."""

from datetime import datetime, timedelta

from billing.domain.call import READ_AGAIN
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.pull.pulls import Certificate
from billing.pipeline.concurrency import Progress
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.pull import PullOptions, pull_usage
from billing.ports import UsageSource

# A whole month is read anew once a day, whatever the hourly readings say.
SWEEP_EVERY = timedelta(hours=24)


def pulled_since(
    ledger: Ledger, account: str, period: BillingPeriod, moment: datetime
) -> bool:
    """Say whether another process has read a month while we waited for it."""
    with ledger.reading() as connection:
        newest = pulls.state_of(connection, account, period)
    if newest is None or newest.finished_at is None:
        return False
    return newest.state == "complete" and newest.finished_at > moment


def pull_as_needed(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountRules,
    period: BillingPeriod,
    *,
    options: PullOptions,
    progress: Progress,
    whole: bool,
) -> Certificate:
    """Read what is recent; read the whole month daily, and when its total is off."""
    now = options.clock.now()
    since = None if whole else _recent_since(ledger, source.account, period, now)

    def pull(start: datetime | None, *, search: bool = True) -> Certificate:
        return pull_usage(
            ledger,
            source,
            rules,
            period,
            options=options,
            since=start,
            search=search,
            progress=progress,
        )

    certificate = pull(since)
    if since is None or certificate.source_minutes is None:
        return certificate
    off = certificate.source_minutes - certificate.ledger_minutes
    with ledger.reading() as connection:
        was_off = pulls.last_sweep_difference(connection, source.account, period)
        searched = pulls.last_search(connection, source.account, period)
    if off in {0, was_off}:
        return certificate
    # What a search to the end has not found is not searched for again within a day.
    is_new = (
        searched is None
        or now - searched.started_at >= SWEEP_EVERY
        or off > searched.missing_minutes
    )
    return pull(None, search=is_new)


def _recent_since(
    ledger: Ledger, account: str, period: BillingPeriod, now: datetime
) -> datetime | None:
    with ledger.reading() as connection:
        sweep = pulls.last_complete(connection, account, period, pulls.MONTH)
        newest = pulls.last_complete(connection, account, period, None)
    if sweep is None or newest is None or now - sweep >= SWEEP_EVERY:
        return None
    return newest - READ_AGAIN
