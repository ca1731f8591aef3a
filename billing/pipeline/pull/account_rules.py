"""The rules of one account: how its calls are read, rated and given a customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.domain.account_identity import SourceIdentity
from billing.domain.call import (
    Call,
    NotBillable,
    Quarantined,
    QuarantineReason,
    accept_call,
)
from billing.domain.call_metadata import NOTHING_KEPT, MetadataRule, could_be_phone
from billing.domain.call_times import (
    USUAL_TOLERANCE,
    TimeTolerance,
    find_contradiction,
)
from billing.domain.period import EARLIEST, BillingPeriod
from billing.domain.posting import charge_call
from billing.domain.rating import NoPrice, PriceList, why_not_billable
from billing.ledger.pull.calls import RatedCall
from billing.ledger.registry import Account
from billing.ports import SourceCall


@dataclass(frozen=True, slots=True)
class AccountRules:
    """How the calls of one account are read and rated."""

    account: Account
    customers: frozenset[str]
    prices: PriceList
    price_ids: Mapping[datetime, int]
    metadata: MetadataRule = NOTHING_KEPT
    first_period: BillingPeriod = EARLIEST
    identity: SourceIdentity | None = None  # who it said it was before it was pulled
    times: TimeTolerance = USUAL_TOLERANCE

    def rate(
        self, told: SourceCall, period: BillingPeriod, now: datetime
    ) -> RatedCall | Quarantined:
        """Rate what a source told of a call; what cannot be is quarantined."""
        if isinstance(told.call, Quarantined):
            return told.call
        call = accept_call(
            told.call,
            told.metadata,
            now=now,
            customer_metadata_key=self.account.customer_metadata_key,
        )
        if self._is_before_first(told.call):
            # Whatever is wrong with it, nobody here has to mend it.
            accepted = told.call if isinstance(call, Quarantined) else call
            reason_not = NotBillable.BEFORE_FIRST_PERIOD
            return self._rated(accepted, told.sha256, period, reason_not)
        if isinstance(call, Quarantined):
            return call
        digest, not_billable = told.sha256, why_not_billable(call)
        if not_billable is not None:
            return self._rated(call, digest, period, not_billable)
        customer = call.customer_key or self.account.customer
        if customer is None or customer not in self.customers:
            detail = f"customer {_shown(customer)} is not in the settings"
            reason = QuarantineReason.UNKNOWN_CUSTOMER
            return self._set_aside(call, reason, detail)
        try:
            rated = self._rated(call, digest, period, None, customer)
        except NoPrice as fault:
            return self._set_aside(call, QuarantineReason.NO_PRICE, str(fault))
        if not self.metadata.keys or call.started_at is None:
            return rated
        kept = self.metadata.read(told.metadata, call.started_at, now)
        return rated._replace(metadata=kept)

    def _set_aside(
        self, call: Call, reason: QuarantineReason, detail: str
    ) -> Quarantined:
        return Quarantined(
            account=self.account.name,
            call_id=call.call_id,
            reason=reason,
            detail=detail,
            extract_sha256=call.digest(),
        )

    def customer_of(self, told: SourceCall) -> str | None:
        """Return who would pay for a call, as far as its record tells."""
        key, named = self.account.customer_metadata_key, None
        if key is not None and isinstance(told.metadata, Mapping):
            named = told.metadata.get(key)
        customer = named or self.account.customer
        known = isinstance(customer, str) and customer in self.customers
        return customer if known else None

    def _is_before_first(self, call: Call) -> bool:
        placed_at = call.placed_at
        return placed_at is not None and placed_at < self.first_period.start

    def _rated(
        self,
        call: Call,
        digest: str,
        period: BillingPeriod,
        reason: NotBillable | None,
        customer: str = "",
    ) -> RatedCall:
        placed_at = call.placed_at
        due = None if reason else charge_call(call, customer, self.prices)
        gap, price_date = 0, None
        if due and call.started_at:
            price_date = self.prices.at(call.started_at).effective_from
            if call.source_minutes is not None:
                gap = call.source_minutes - due[1].minutes
        return RatedCall(
            call=call,
            period=BillingPeriod.of(placed_at) if placed_at else period,
            extract_sha256=call.digest(),
            source_sha256=digest,
            not_billable=reason,
            due=due,
            price_date=price_date,
            minutes_gap=gap,
            contradiction=find_contradiction(call, self.times) if due else None,
        )


def _shown(customer: str | None) -> str:
    """Spell a name that a call gave, unless it could be somebody's number."""
    if customer is not None and could_be_phone(customer):
        return "(withheld: it could be a phone number)"
    return ascii(customer)[:80]
