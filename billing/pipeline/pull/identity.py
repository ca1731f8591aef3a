"""Identity: which accounts may be pulled now, and under which name of the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.account_identity import (
    AccountClaim,
    Admission,
    Refusal,
    SourceIdentity,
    Verdict,
    accounts_to_probe,
    decide_accounts,
)
from billing.domain.call import Call
from billing.errors import AccountRefused, BillingError, SourceFault
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import accounts
from billing.ledger.pull.accounts import AccountNews, RecordedAccounts
from billing.pipeline.concurrency import READERS, Concurrency
from billing.pipeline.pull.account_rules import AccountRules
from billing.ports import Clock, UsageSource

Sources = Sequence[tuple[UsageSource, AccountRules]]
# Any salt will do to compare the keys that are in the settings now.
_NO_SALT = "settings"


@dataclass(frozen=True, slots=True)
class IdentifiedSources:
    """The sources that may be pulled, each as the ledger names it, and the others."""

    sources: Sources
    faults: Mapping[str, BillingError]  # by the name in the settings


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a source says of itself, or why it says nothing."""

    identity: SourceIdentity | None
    fault: SourceFault | None = None


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """What every source says of itself, and what was decided about each."""

    recorded: RecordedAccounts
    answers: Mapping[str, _Answer]
    verdicts: Mapping[str, Verdict]

    def fault(self, label: str) -> BillingError | None:
        """Return why a name may not be pulled; None when it may."""
        verdict, answer = self.verdicts.get(label), self.answers[label]
        if isinstance(verdict, Admission):
            return None
        if isinstance(verdict, Refusal):
            return AccountRefused(label, verdict.reason)
        return answer.fault or AccountRefused(label, "nothing tells who it is")

    def identity(self, label: str) -> SourceIdentity | None:
        """Return what a source says of itself; None when it gave no answer."""
        return self.answers[label].identity

    def news(self, source: UsageSource, now: datetime) -> AccountNews | None:
        """Return what is to be recorded of a source; None when all is as it was."""
        verdict = self.verdicts.get(source.label)
        identity = self.answers[source.label].identity
        if not isinstance(verdict, Admission) or identity is None:
            return None
        account = verdict.account
        same = identity == self.recorded.identity_of(account)
        same = same and account in _keys_of(source, self.recorded)
        renamed = verdict.renamed_from is not None
        if same and not renamed:
            return None
        digest = source.key_digest(accounts.salt_of(account, now))
        return AccountNews(
            account=account,
            identity=None if same else identity,
            key_digest=digest,
            label=source.label if renamed else None,
        )


def identify_sources(
    ledger: Ledger, sources: Sources, clock: Clock, actor: str, pool: Concurrency
) -> IdentifiedSources:
    """Ask every source who it is, decide about all at once, and record what is new."""
    check = check_identities(ledger, [source for source, _ in sources], pool)
    now = clock.now()
    news = [item for source, _ in sources if (item := check.news(source, now))]
    if news:
        with ledger.writing() as connection:
            accounts.record_news(connection, Actor(actor, now), news)
    identified, faults = [], {}
    for source, rules in sources:
        verdict = check.verdicts.get(source.label)
        if isinstance(verdict, Admission):
            account = replace(rules.account, name=verdict.account)
            who = check.identity(source.label)
            known = replace(rules, account=account, identity=who)
            identified.append((source.named(verdict.account), known))
        elif fault := check.fault(source.label):
            faults[source.label] = fault
    return IdentifiedSources(identified, faults)


def check_identities(
    ledger: Ledger, sources: Sequence[UsageSource], pool: Concurrency
) -> IdentityCheck:
    """Decide which sources may be pulled, and record nothing."""
    answers = _ask_all(sources, pool)
    with ledger.reading() as connection:
        recorded = accounts.read_accounts(connection)
    labels = [source.label for source in sources]
    claims = []
    for source in sources:
        claim = _claim(source, answers[source.label].identity, recorded)
        probed = accounts_to_probe(claim, recorded.accounts, labels)
        try:
            known = _calls_known(ledger, source, probed)
            claims.append(replace(claim, calls_of=known))
        except SourceFault as fault:
            answers[source.label] = _Answer(None, fault)
            claims.append(replace(claim, identity=None))
    verdicts = decide_accounts(recorded.accounts, claims)
    return IdentityCheck(recorded, answers, verdicts)


def _ask_all(sources: Sequence[UsageSource], pool: Concurrency) -> dict[str, _Answer]:
    with pool.pool(READERS, "identify") as executor:
        answers = executor.map(_ask, sources)
        return {
            source.label: answer
            for source, answer in zip(sources, answers, strict=True)
        }


def _ask(source: UsageSource) -> _Answer:
    try:
        return _Answer(source.read_identity())
    except SourceFault as fault:
        return _Answer(None, fault)


def _claim(
    source: UsageSource, identity: SourceIdentity | None, recorded: RecordedAccounts
) -> AccountClaim:
    return AccountClaim(
        label=source.label,
        key=source.key_digest(_NO_SALT),
        identity=identity,
        key_of=_keys_of(source, recorded),
    )


def _keys_of(source: UsageSource, recorded: RecordedAccounts) -> frozenset[str]:
    return frozenset(
        key.account
        for key in recorded.keys
        if source.key_digest(key.salt) == key.digest
    )


def _calls_known(
    ledger: Ledger, source: UsageSource, names: Sequence[str]
) -> frozenset[str]:
    """Name the accounts of whose newest calls a source has one; raises SourceFault."""
    if not names:
        return frozenset()
    with ledger.reading() as connection:
        calls = accounts.newest_calls(connection, names)
    own = source.label
    for name in sorted(names, key=lambda each: each != own):
        if any(_has(source, *item) for item in calls[name].items()):
            return frozenset({name})
    return frozenset()


def _has(source: UsageSource, call_id: str, created_at: datetime | None) -> bool:
    record = source.get_call(call_id)
    if record is None or not isinstance(record.call, Call):
        return False
    return record.call.created_at == created_at
