"""Settings: `billing.toml` and the environment, read once and frozen.

Any value can also be given as `PAMELA_BILLING_<SECTION>__<NAME>`, such as
`PAMELA_BILLING_LEDGER__URL`, which goes before the file. Secrets are never written
down here: they are named, as `env:NAME` or `file:PATH` (beside the settings file).
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

from billing.domain.period import BillingPeriod
from billing.domain.rating import Price
from billing.domain.suggestion import did_you_mean
from billing.domain.web_address import check_web_address
from billing.errors import SettingsFault
from billing.settings_sources import (
    Variables,
    read_text,
    refuse_empty_variables,
    toml_document,
    validated,
    variable_of,
    variables_of,
)

DEFAULT_FILE = Path("billing.toml")
SENDING = ("meter", "shadow")
_PORT = re.compile(r"[\w+]+://(?:[^@]*@)?(?:\[[^/]*\]|[^/:]*):([^/?]+)")

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
StripeCustomer = Annotated[str, StringConstraints(pattern=r"^cus_[A-Za-z0-9_]{1,60}$")]
MeterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.]{1,40}$")]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=80)]


def _period(text: str) -> str:
    BillingPeriod.parse(text)
    return text


def _database_url(text: str) -> str:
    port = _PORT.match(text)
    if port and not port[1].isdecimal():
        raise ValueError("the port is no number")
    return text


def _sending(word: object) -> object:
    if word not in SENDING:
        raise ValueError(f'it is "meter" or "shadow"{did_you_mean(str(word), SENDING)}')
    return word


WebAddress = Annotated[str, AfterValidator(check_web_address)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LedgerSettings(_Section):
    """Where the ledger is."""

    url: Annotated[str, AfterValidator(_database_url)] = "sqlite:///billing.db"


class StripeSettings(_Section):
    """The Stripe account and its meter."""

    api_key: str
    meter: MeterName = "stripe_minutes"
    # In shadow the meter, which another program feeds, is only read and compared.
    send: Annotated[Literal["meter", "shadow"], BeforeValidator(_sending)] = "meter"
    base_url: WebAddress | None = None
    events_per_second: PositiveInt | None = None
    reads_per_second: PositiveInt | None = None  # of each endpoint
    requests_per_second: PositiveInt | None = None  # of all endpoints
    most_senders: Annotated[int, Field(ge=1, le=512)] = 128  # requests at once
    # What becomes of a difference below zero that no cancellation can report.
    negative: Literal["event", "hold"] = "event"
    # Whether an event that was proved absent is sent again without asking anybody: the
    # proof needs no more than its named bounds, and a person would have no better one.
    rearm: bool = True
    grace_hours: Annotated[int, Field(ge=1, le=72)] = 1

    @property
    def grace(self) -> timedelta:
        """How long Stripe keeps an invoice open once its month is over."""
        return timedelta(hours=self.grace_hours)


class BillingSettings(_Section):
    """From which month on this service bills."""

    first_period: Annotated[str, AfterValidator(_period)]


class CallSettings(_Section):
    """How long a call may be, and how far its times may be off its duration."""

    longest_seconds: PositiveInt = 3_600
    tolerance_seconds: NonNegativeInt = 60
    tolerance_percent: Annotated[int, Field(ge=0, le=100)] = 10


class AccountSettings(_Section):
    """One Pamela API key, and whose its calls are."""

    name: Name
    api_key: str
    base_url: WebAddress | None = None
    customer: Name | None = None
    customer_metadata_key: str | None = None


class CustomerSettings(_Section):
    """Who is billed."""

    name: Name
    stripe_customer: StripeCustomer


class PriceSettings(_Section):
    """A price per minute and the date (UTC) it holds from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_date: Annotated[date, Field(alias="from")]
    per_minute: Annotated[Decimal, Field(ge=0, max_digits=18)]
    currency: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")] = "usd"

    def price(self) -> Price:
        """Return the price that this describes."""
        day = self.from_date
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return Price(midnight, self.per_minute, self.currency)


class AuditSettings(_Section):
    """The audit trail's key, its memory, and where its heads are published.

    Paths are beside the settings file. An anchor is folder:PATH, s3://BUCKET/PREFIX or
    notify:env:NAME, where NAME holds an address that apprise knows.
    """

    key: str = "audit.key"
    memory: str = "billing.trail"
    anchors: tuple[str, ...] = ()
    s3_endpoint: str | None = None


class NetworkSettings(_Section):
    """The way out: a proxy, as a URL or env:NAME; without it there is none."""

    proxy: str | None = None


class SandboxSettings(_Section):
    """Where the time comes from when a sandbox stands in for the world."""

    clock_url: WebAddress | None = None


class Settings(_Section):
    """Everything the settings decide."""

    ledger: LedgerSettings = LedgerSettings()
    stripe: StripeSettings
    billing: BillingSettings
    calls: CallSettings = CallSettings()
    accounts: Annotated[tuple[AccountSettings, ...], Field(min_length=1)]
    customers: Annotated[tuple[CustomerSettings, ...], Field(min_length=1)]
    prices: tuple[PriceSettings, ...] = (
        PriceSettings(from_date=date(2020, 1, 1), per_minute=Decimal("0.10")),
    )
    audit: AuditSettings = AuditSettings()
    network: NetworkSettings = NetworkSettings()
    sandbox: SandboxSettings = SandboxSettings()
    report_metadata: tuple[MetadataKey, ...] = ()
    metadata_retention_days: Annotated[int, Field(ge=1, le=9_999)] | None = None
    log: Literal["json", "text"] = "json"

    @property
    def first_period(self) -> BillingPeriod:
        """The first month that is billed."""
        return BillingPeriod.parse(self.billing.first_period)


def read_settings(file: Path) -> Settings:
    """Read and check the settings; raises SettingsFault."""
    if not file.exists():
        raise SettingsFault(
            str(file), "there is no such file; `pamela-billing init` writes one"
        )
    return _settings_of(file, read_text(file), variables_of(Settings.model_fields))


@lru_cache(maxsize=1)  # a command reads its settings more than once
def _settings_of(file: Path, text: str, variables: Variables) -> Settings:
    document = toml_document(file, text)
    refuse_empty_variables(variables)
    try:
        settings = validated(Settings, document, variables)
    except ValidationError as fault:
        for error in fault.errors(include_input=False, include_url=False):
            if (variable := variable_of(error["loc"])) is not None:
                raise SettingsFault(variable, error["msg"]) from None
        raise SettingsFault(str(file), _sentence(fault)) from None
    _check_names(file, settings)
    return settings


def _sentence(fault: ValidationError) -> str:
    sentences = []
    for error in fault.errors(include_input=False, include_url=False):
        *section, key = map(str, error["loc"])
        message = error["msg"]
        if error["type"] == "extra_forbidden":
            message = f"there is no such key{did_you_mean(key, _keys_of(section))}"
        sentences.append(f"{'.'.join([*section, key])}: {message}")
    return "; ".join(sentences)


def _keys_of(section: Sequence[str]) -> list[str]:
    """Return the keys of a section, by its path in the file."""
    model: type[BaseModel] = Settings
    for name in section:
        # A number is a place in a list; its section has been found already.
        if name in model.model_fields:
            annotation = model.model_fields[name].annotation
            [model] = [
                part
                for part in (annotation, *get_args(annotation))
                if isinstance(part, type) and issubclass(part, BaseModel)
            ]
    return [field.alias or name for name, field in model.model_fields.items()]


def _check_names(file: Path, settings: Settings) -> None:
    customers = [customer.name for customer in settings.customers]
    stripe = [customer.stripe_customer for customer in settings.customers]
    accounts = [account.name for account in settings.accounts]
    named = {"customer": customers, "stripe_customer": stripe, "account": accounts}
    for what, names in named.items():
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise SettingsFault(str(file), f"{what} {min(twice)} stands there twice")
    for account in settings.accounts:
        where = f"accounts.{account.name}"
        if account.customer is None and account.customer_metadata_key is None:
            raise SettingsFault(
                str(file), f"{where}: name a customer, or a customer_metadata_key"
            )
        if account.customer is not None and account.customer not in customers:
            hint = did_you_mean(account.customer, customers)
            raise SettingsFault(
                str(file), f"{where}: customer {account.customer} is not listed{hint}"
            )
