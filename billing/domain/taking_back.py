"""Taking back: the event that a person makes at Stripe for what counted twice."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def taking_back_sentence(identifier: str, hour: datetime, minutes: int) -> str:
    """Say which event at Stripe takes back minutes that one of ours counts too much."""
    _, named = identifier.split("-", 1)
    meter, stripe_customer, _, sequence = named.rsplit("-", 3)
    # In the minute of the event itself, so that this minute shows what was sent.
    at = hour + timedelta(minutes=int(sequence))
    unix = (at - _EPOCH) // timedelta(seconds=1)
    return (
        f"To take back {minutes:,} of {identifier}, make a meter event at Stripe by "
        f"hand (dashboard or API): event name {meter}, customer {stripe_customer}, "
        f"value {-minutes}, timestamp {at:%Y-%m-%dT%H:%M:%SZ} ({unix}), and an "
        "identifier of its own; once the invoice is final, credit the customer instead"
    )
