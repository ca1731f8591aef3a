"""Account identity: which account a name of the settings is, and which may be pulled.

A name is a label. An account is what its source says of itself: a partner, whole or one
project of it. Where a source does not say, its key and its calls tell; doubt refuses.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple


class SourceIdentity(NamedTuple):
    """What a source says of itself; without a project it is the whole partner."""

    partner_id: str | None
    project_id: str | None

    def __str__(self) -> str:
        if self.partner_id is None:
            return "an account that does not name its partner"
        if self.project_id is None:
            return f"the whole partner {self.partner_id}"
        return f"the project {self.project_id} of the partner {self.partner_id}"

    @property
    def known(self) -> bool:
        """Whether it says who it is."""
        return self.partner_id is not None

    def overlaps(self, other: "SourceIdentity") -> bool:
        """Say whether the calls of one are among those of the other."""
        if not self.known or self.partner_id != other.partner_id:
            return False
        return self.project_id == other.project_id or None in {
            self.project_id,
            other.project_id,
        }


NOBODY = SourceIdentity(None, None)


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account as the ledger has it: its first name, and its present one."""

    account: str
    label: str
    identity: SourceIdentity | None = None  # None: nothing was recorded
    has_calls: bool = False


@dataclass(frozen=True, slots=True)
class AccountClaim:
    """A name of the settings, and what stands behind it now.

    `key` is equal for equal keys; `key_of` and `calls_of` name the accounts that the
    ledger has with this key, and those of whose calls the source knows some.
    """

    label: str
    key: str
    identity: SourceIdentity | None  # None: it gave no answer
    key_of: frozenset[str] = frozenset()
    calls_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Admission:
    """A name that may be pulled, and the ledger's own name of its account."""

    label: str
    account: str
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A name that must not be pulled, and why."""

    label: str
    reason: str


Verdict = Admission | Refusal


def accounts_to_probe(
    claim: AccountClaim, known: Iterable[KnownAccount], labels: Iterable[str]
) -> list[str]:
    """Name the accounts whose calls would tell who a source is, where that is open."""
    accounts = list(known)
    answer = claim.identity
    if answer is None or claim.key_of:
        return []
    if answer.known and any(each.identity == answer for each in accounts):
        return []
    is_new = all(each.label != claim.label for each in accounts)
    # A name that was never read may be an account that stands here under another one.
    doubts = is_new and not answer.known
    present = set() if doubts else set(labels) - {claim.label}
    return [
        each.account
        for each in accounts
        if each.has_calls
        and each.label not in present
        and not (answer.known and each.identity and each.identity.known)
    ]


def decide_accounts(
    known: Sequence[KnownAccount], claims: Sequence[AccountClaim]
) -> dict[str, Verdict]:
    """Decide for all names at once; a name that gave no usable answer is left out.

    Of two that stand in each other's way neither is pulled: nobody can say which is
    meant.
    """
    reading = _Reading(
        {each.label: each for each in known},
        {each.account: each for each in known},
        {claim.label: claim for claim in claims},
    )
    verdicts: dict[str, Verdict] = dict(
        _pairs_refused([reading.as_known(claim) for claim in claims])
    )
    for claim in claims:
        if claim.label not in verdicts:
            verdict = reading.decide(claim)
            if verdict is not None:
                verdicts[claim.label] = verdict
    admitted = Counter(
        verdict.account
        for verdict in verdicts.values()
        if isinstance(verdict, Admission)
    )
    for label, verdict in verdicts.items():
        if isinstance(verdict, Admission) and admitted[verdict.account] > 1:
            verdicts[label] = Refusal(label, _SAME.format(account=verdict.account))
    return verdicts


_SAME = (
    "another name of the settings is the account {account} as well, so every call "
    "would be billed twice; take one of the two out of the settings"
)


def _pairs_refused(claims: Sequence[AccountClaim]) -> Iterator[tuple[str, Refusal]]:
    for claim in claims:
        for other in claims:
            if other.label != claim.label:
                reason = _why_not_both(claim, other)
                if reason:
                    yield claim.label, Refusal(claim.label, reason)
                    break


def _why_not_both(claim: AccountClaim, other: AccountClaim) -> str | None:
    if claim.key == other.key:
        return (
            f"it has the same API key as {other.label}, so every call would be billed "
            "twice; give each account its own key, or take one out of the settings"
        )
    ours, theirs = claim.identity, other.identity
    if ours is None or theirs is None or not ours.overlaps(theirs):
        return None
    if ours == theirs:
        return (
            f"it is {ours}, as is {other.label}, so every call would be billed twice; "
            "take one of the two out of the settings"
        )
    return (
        f"it is {ours}, and {other.label} is {theirs}, so calls would be billed twice; "
        "keep the partner or its projects in the settings, not both"
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the ledger knows, by both names, beside what the settings have now."""

    by_label: Mapping[str, KnownAccount]
    by_account: Mapping[str, KnownAccount]
    claims: Mapping[str, AccountClaim] = field(default_factory=dict)

    def as_known(self, claim: AccountClaim) -> AccountClaim:
        """Return a claim with who it was till now, where its source says nothing."""
        own = self._by_its_key(claim)
        says = claim.identity is not None and claim.identity.known
        return claim if says or own is None else replace(claim, identity=own.identity)

    def _by_its_key(self, claim: AccountClaim) -> KnownAccount | None:
        """Return the name's account if it had this key: a key never changes hands."""
        own = self.by_label.get(claim.label)
        return own if own is not None and own.account in claim.key_of else None

    def decide(self, claim: AccountClaim) -> Verdict | None:
        """Decide about one name; None when its source gave no usable answer."""
        own = self.by_label.get(claim.label)
        if claim.identity is None:
            same = self._by_its_key(claim)
            return Admission(claim.label, same.account) if same else None
        owner = self.owner(claim)
        if owner is not None and owner is own:
            return Admission(claim.label, owner.account)
        if owner is not None:
            return self._named_anew(claim, own, owner)
        if own is not None:
            return Refusal(claim.label, _why_another(claim.identity, own))
        if claim.label in self.by_account:
            present = self.by_account[claim.label].label
            return Refusal(
                claim.label,
                f"this was the name of the account that is now {present}, and it is "
                f"{claim.identity}; give the new account a name of its own",
            )
        return Admission(claim.label, claim.label)

    def owner(self, claim: AccountClaim) -> KnownAccount | None:
        """Return the account of the ledger that a source is, as far as is proved."""
        answer, own = claim.identity or NOBODY, self.by_label.get(claim.label)
        if answer.known:
            for each in self.by_account.values():
                if each.identity == answer:
                    return each
        proofs = [
            self.by_account[name]
            for name in (*sorted(claim.key_of), *sorted(claim.calls_of))
            if not self._says_otherwise(self.by_account[name], answer)
        ]
        if own in proofs:
            return own
        if proofs:
            return proofs[0]
        is_new = own is not None and own.identity is None and not own.has_calls
        return own if is_new else None

    def _says_otherwise(self, account: KnownAccount, answer: SourceIdentity) -> bool:
        identity = account.identity
        return answer.known and identity is not None and identity.known

    def _named_anew(
        self, claim: AccountClaim, own: KnownAccount | None, owner: KnownAccount
    ) -> Verdict:
        if own is None and owner.label not in self.claims:
            return Admission(claim.label, owner.account, renamed_from=owner.label)
        if own is not None and owner.label in self.claims:
            other = self.claims[owner.label]
            if self.owner(other) is own:
                return Refusal(
                    claim.label,
                    f"its API key and that of {owner.label} are exchanged: each is "
                    "answered as the other; put both keys back, nothing of either was "
                    "pulled",
                )
        if own is not None:
            return Refusal(claim.label, _why_another(claim.identity or NOBODY, own))
        return Refusal(
            claim.label,
            f"it is the account that the ledger has as {owner.label}, which stands in "
            "the settings too; keep one of the two names, with the account's own key",
        )


def _why_another(answer: SourceIdentity, own: KnownAccount) -> str:
    if answer.known and own.identity is not None and own.identity.known:
        return (
            f"its API key is that of {answer}, and till now it was {own.identity}; put "
            "its own key back, or give the other account a name of its own"
        )
    return (
        f"its API key is new, and nothing shows that it is the same account (it is "
        f"{answer}, and knows none of the calls that were billed); put the old key "
        "back, or give the other account a name of its own"
    )
