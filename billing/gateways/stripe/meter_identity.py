"""Which meters of a Stripe account are ours, and in which mode."""

from dataclasses import dataclass

from billing.errors import MeterUnfit


@dataclass(frozen=True, slots=True)
class OurMeters:
    """The meters that have our event name: the one in use, and those before it."""

    ids: tuple[str, ...]
    livemode: bool

    @property
    def in_use(self) -> str:
        """The meter that counts what is sent now."""
        return self.ids[0]

    def refuse_other_mode(self, livemode: object, what: str) -> None:
        """Refuse an answer of the other mode; raises MeterUnfit."""
        if livemode is not self.livemode:
            mode = "live" if self.livemode else "test"
            raise MeterUnfit(
                f"{what} is not in {mode} mode, as the meter is; check [stripe] "
                "api_key in the settings"
            )
