"""The webhook sender: sends what is due, from a thread with a loop of its own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import httpx2

from billing.sandbox.pamela.call import micros
from billing.sandbox.signed_delivery import SIGNATURE_HEADER, Delivery, Reply
from billing.sandbox.stripe.notify.destinations import Notice
from billing.sandbox.world import Sandbox

LOOKS_EVERY_SECONDS = 0.05
MOST_AT_ONCE = 32


@contextmanager
def delivering(sandbox: Sandbox) -> Iterator[None]:
    """Deliver while the block runs; then nothing is under way and no thread is left."""
    loop = asyncio.new_event_loop()
    rounds = loop.create_task(_rounds(sandbox))

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.wait([rounds]))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())

    thread = threading.Thread(target=run, name="sandbox-webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(rounds.cancel)
        thread.join()
        loop.close()
        if not rounds.cancelled():
            rounds.result()


AnyDelivery = Delivery | Notice


async def post(
    client: httpx2.AsyncClient, delivery: AnyDelivery, signed: dict[str, str]
) -> Reply:
    """Send a delivery's signed bytes once and return what came back."""
    headers = {"Content-Type": "application/json", **signed}
    try:
        async with asyncio.timeout(delivery.timeout_ms / 1000):
            response = await client.post(
                delivery.target_url, content=delivery.body.encode(), headers=headers
            )
    except TimeoutError:
        return Reply(None, error=f"no answer within {delivery.timeout_ms} ms")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return Reply(None, error=f"{type(error).__name__}: {error}")
    refused = None if response.is_success else f"HTTP {response.status_code}"
    # JSON is UTF-8, whatever the header says.
    body = response.content.decode(errors="replace")
    return Reply(response.status_code, body, refused)


def new_client() -> httpx2.AsyncClient:
    """Return a client that goes straight to its target, and sets no time-out."""
    return httpx2.AsyncClient(trust_env=False, timeout=None, verify=_certificates())


@cache
def _certificates() -> ssl.SSLContext:
    # They take long to load.
    return httpx2.create_ssl_context(trust_env=False)


async def deliver(
    client: httpx2.AsyncClient, sandbox: Sandbox, delivery: AnyDelivery
) -> Reply:
    """Send a delivery once and note what came of it."""
    if isinstance(delivery, Delivery):
        signed = {SIGNATURE_HEADER: delivery.signature}
        reply = await post(client, delivery, signed)
        sandbox.pamela.settle_delivery(delivery, reply, sandbox.clock.now())
        return reply
    mode = sandbox.stripe.test
    with mode.lock:
        signed = mode.notices.headers(delivery, sandbox.clock.now())
    reply = await post(client, delivery, signed)
    with mode.lock:
        mode.notices.settle(delivery, reply, sandbox.clock.now())
    return reply


async def _rounds(sandbox: Sandbox) -> None:
    """Look at the clock; each call's webhooks go in order, all else abreast."""
    webhooks, mode = sandbox.pamela.webhooks, sandbox.stripe.test
    busy: dict[str, asyncio.Task[None]] = {}
    async with new_client() as client, asyncio.TaskGroup() as group:

        async def send(deliveries: Sequence[AnyDelivery]) -> None:
            for delivery in deliveries:
                await deliver(client, sandbox, delivery)

        # Whoever stops the server cancels this.
        while True:
            busy = {name: task for name, task in busy.items() if not task.done()}
            now = sandbox.clock.now()
            due: dict[str, Sequence[AnyDelivery]] = {
                **webhooks.due(micros(now), busy=busy),
                **{notice.id: [notice] for notice in mode.due_notices(now, busy)},
            }
            for name in list(due)[: MOST_AT_ONCE - len(busy)]:
                busy[name] = group.create_task(send(due[name]))
            await asyncio.sleep(LOOKS_EVERY_SECONDS)
