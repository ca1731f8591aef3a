"""A plain sync: one meter event a call with stripe-python, one after another."""

import json
import sys
import time
from pathlib import Path

import stripe


def main(base_url: str, api_key: str, file: str) -> None:
    """Send the calls of a JSON file; prints the seconds."""
    client = stripe.StripeClient(
        api_key,
        base_addresses={"api": base_url},
        http_client=stripe.RequestsClient(),
    )
    calls = json.loads(Path(file).read_text())
    began = time.perf_counter()
    for call_id, stripe_customer, started, minutes in calls:
        client.v1.billing.meter_events.create(
            {
                "event_name": "stripe_minutes",
                "identifier": call_id,
                "timestamp": started,
                "payload": {
                    "stripe_customer_id": stripe_customer,
                    "value": str(minutes),
                },
            }
        )
    print(json.dumps({"seconds": time.perf_counter() - began, "calls": len(calls)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
