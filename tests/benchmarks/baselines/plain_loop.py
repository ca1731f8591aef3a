"""A bare loop of stripe-python: some threads that send, and write nothing down."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import stripe


def main(base_url: str, api_key: str, threads: str, file: str) -> None:
    """Send the events of a JSON file, a list for each customer; prints the seconds."""
    client = stripe.StripeClient(
        api_key,
        base_addresses={"api": base_url},
        http_client=stripe.RequestsClient(),
    )
    customers = json.loads(Path(file).read_text())

    def send(events: list[dict[str, object]]) -> int:
        for event in events:
            options = {"idempotency_key": event["identifier"]}
            client.v1.billing.meter_events.create(event, options)  # type: ignore[arg-type]
        return len(events)

    with ThreadPoolExecutor(int(threads)) as pool:
        began = time.perf_counter()
        sent = sum(pool.map(send, customers))
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "calls": sent}))


if __name__ == "__main__":
    main(*sys.argv[1:])
