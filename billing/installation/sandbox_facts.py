"""What a running sandbox says of itself: its time, accounts, customers and keys."""

import re
from typing import Annotated

import httpx2
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from billing.domain.foreign_text import foreign_text
from billing.errors import BadInput

TIMEOUT_SECONDS = 10
PLAIN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$"
Word = Annotated[str, StringConstraints(pattern=PLAIN)]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class SandboxAccount(_Fact):
    """An account of the sandbox's Pamela."""

    name: Word
    api_key: Word
    customer: Annotated[Word | None, Field(alias="default_customer")] = None
    customer_metadata_key: Annotated[Word | None, Field(alias="customer_key")] = None


class SandboxCustomer(_Fact):
    """A customer of the sandbox's Stripe."""

    id: Word
    name: str

    @property
    def plain_name(self) -> str:
        """The name that settings and metadata may use: its own, if it is one word."""
        return self.name if re.match(PLAIN, self.name) else self.id


class SandboxLimits(_Fact):
    """How many requests a second the sandbox's Stripe takes."""

    events: int
    endpoint: int
    account: int


class SandboxFacts(_Fact):
    """A running sandbox."""

    now: AwareDatetime
    url: Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")]
    accounts: Annotated[list[SandboxAccount], Field(min_length=1)]
    customers: list[SandboxCustomer]
    stripe_key: Word
    meter: Annotated[Word, Field(alias="meter_event_name")]
    stripe_limits: SandboxLimits | None = None  # none at all


def read_facts(url: str) -> SandboxFacts:
    """Ask a sandbox for its facts; raises BadInput when there is none at the URL."""
    where = f"{url.rstrip('/')}/_sandbox"
    try:
        # Certificates take long to load, and plain HTTP has no use for them.
        with httpx2.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, verify=where.startswith("https:")
        ) as client:
            answer = client.get(where)
            answer.raise_for_status()
        facts = SandboxFacts.model_validate(answer.json())
    except (httpx2.HTTPError, httpx2.InvalidURL, ValidationError, ValueError) as fault:
        words = foreign_text(str(fault).split("\n", 1)[0])
        raise BadInput(
            f"no sandbox answers at {where} ({words}); "
            "`pamela-billing sandbox` starts one and prints its URL"
        ) from None
    if not facts.customers:
        raise BadInput(
            f"the sandbox at {url} has no customers yet; add one with "
            f'POST {where}/customers {{"name": "acme"}}'
        )
    return facts
