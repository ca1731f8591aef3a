"""Planted bugs of identity: who an account, a call or a customer is taken for."""

from dataclasses import replace
from typing import Any

from billing.domain import account_identity
from billing.domain.account_identity import Admission, SourceIdentity
from billing.ledger.close import readiness
from billing.ledger.pull import call_identity
from billing.ledger.pull.call_identity import ListedElsewhere
from billing.pipeline import cycle
from billing.pipeline.pull.identity import IdentifiedSources
from billing.pipeline.reconcile import reconcile
from billing.pipeline.reconcile.shared_customers import SharedCustomers
from billing.pipeline.sync.context import CustomerNames
from tests.simulation.planted.bug import Planted, always, bug


def _by_name(_real: Any) -> Any:
    def identify(_ledger: Any, sources: Any, *_more: Any) -> IdentifiedSources:
        named = [(source.named(source.label), rules) for source, rules in sources]
        return IdentifiedSources(named, {})

    return identify


def _under_own_name(_real: Any) -> Any:
    def decide(_reading: Any, claim: Any, own: Any, owner: Any) -> Admission:
        return Admission(claim.label, (own or owner).account)

    return decide


def _alone(_reading: Any, claim: Any, *_more: Any) -> Admission:
    return Admission(claim.label, claim.label)


def _only_todays(real: Any) -> Any:
    def compare(month: Any, sources: Any, names: Any) -> Any:
        customers = real(month, sources, names)
        for customer in customers.values():
            kept = {
                each: total
                for each, total in customer.synced.items()
                if names.get(each.customer, each.stripe_customer)
                == each.stripe_customer
            }
            customer.synced = kept or customer.synced
        return customers

    return compare


IDENTITY_BUGS: tuple[Planted, ...] = (
    bug(
        "an account is its name in the settings",
        (cycle, "identify_sources", _by_name),
    ),
    bug(
        "two names with one key or one identity are both pulled",
        (account_identity, "_pairs_refused", always(())),
        (account_identity._Reading, "decide", lambda _: _alone),
    ),
    bug(
        "a project may stand beside its partner",
        (
            SourceIdentity,
            "overlaps",
            lambda _: lambda one, other: one.known and one == other,
        ),
    ),
    bug(
        "keys that were exchanged are pulled under the names they stand at",
        (account_identity._Reading, "_named_anew", _under_own_name),
    ),
    bug(
        "an account that was renamed is a new one",
        (account_identity._Reading, "_named_anew", lambda _: _alone),
    ),
    bug(
        "what an account says of itself is not believed: its key alone tells",
        (SourceIdentity, "known", lambda _: property(lambda _identity: False)),
    ),
    bug(
        "a call that two accounts list is billed to both",
        (call_identity, "_listed_by_others", always({})),
    ),
    bug(
        "two calls of one id in two accounts are one",
        (
            call_identity,
            "why_held",
            lambda real: (
                lambda call, known, others: real(
                    call, known, dict.fromkeys(others, ListedElsewhere(call.created_at))
                )
            ),
        ),
    ),
    bug(
        "an id that is used again is a revision",
        (
            call_identity,
            "why_held",
            lambda real: (
                lambda call, known, others: real(
                    call, replace(known, created_at=None), others
                )
            ),
        ),
    ),
    bug(
        "a customer that was renamed left the settings",
        (
            CustomerNames,
            "stripe_customer",
            lambda _: lambda n, name: n._named.get(name),
        ),
    ),
    bug(
        "a month is asked of the Stripe customers of today alone",
        (reconcile, "customer_comparisons", _only_todays),
    ),
    bug(
        "what another customer sent to a Stripe customer is foreign",
        (SharedCustomers, "own_totals", always({})),
        (SharedCustomers, "own_hours", always({})),
    ),
    bug(
        "an account that left the settings does not stand in the way of a close",
        (
            readiness,
            "_readings",
            lambda real: (
                lambda *args: [each for each in real(*args) if each.in_settings]
            ),
        ),
    ),
)
