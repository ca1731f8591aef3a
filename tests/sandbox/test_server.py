"""The server: both APIs behind one port, and a state that outlives the process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx2
import pytest
import stripe

from billing.sandbox.seeds.worlds import empty, realistic
from billing.sandbox.server import listen, running, url_of
from billing.sandbox.state_file import kept_in, load_state, save_state
from billing.sandbox.world import METER, STRIPE_KEY, RateLimits, Sandbox, new_sandbox
from tests.sandbox.pamela.pamela_world import NOW, connected, empty_world
from tests.waiting import LONGEST_WAIT_SECONDS, wait_until, wait_until_answering

SERVE = """
import sys
from pathlib import Path
from billing.sandbox.seeds.worlds import empty
from billing.sandbox.server import listen, serve, url_of
from billing.sandbox.world import new_sandbox
from tests.sandbox.pamela.pamela_world import NOW

seeded = empty(0, NOW)
listener = listen()
print(url_of(listener), flush=True)
sandbox = new_sandbox(seeded.pamela, seeded.customers, NOW)
serve(sandbox, listener, state_file=Path(sys.argv[1]))
"""

_ROUND_TRIP_SECONDS = 0.2


def test_stripe_knows_the_meter_and_the_customers() -> None:
    seeded = realistic(1, NOW, calls=50)
    with running(new_sandbox(seeded.pamela, seeded.customers, NOW)) as url:
        client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": url})
        (meter,) = client.v1.billing.meters.list({"status": "active"}).data
        assert (meter.event_name, meter.default_aggregation.formula) == (METER, "sum")
        assert not meter.livemode
        customers = client.v1.customers.list({"limit": 100}).data
        ids = {customer.id for customer in customers}
        assert ids == {customer.id for customer in seeded.customers}


@pytest.mark.parametrize(
    ("rate_limits", "method", "path", "refused"),
    [
        ("live", "POST", "meter_events", False),
        ("live", "GET", "meters", True),
        ("test", "POST", "meter_events", True),
        ("test", "GET", "meters", True),
        ("off", "POST", "meter_events", False),
        ("off", "GET", "meters", False),
    ],
)
def test_stripe_can_be_as_slow_as_it_is_in_either_mode(
    rate_limits: RateLimits, method: str, path: str, refused: bool
) -> None:
    seeded = empty(0, NOW)
    sandbox = new_sandbox(seeded.pamela, seeded.customers, NOW, rate_limits=rate_limits)
    with running(sandbox) as url, httpx2.Client(base_url=url, verify=False) as http:
        key = {"Authorization": f"Bearer {STRIPE_KEY}"}
        answers = {
            http.request(method, f"/v1/billing/{path}", headers=key).status_code
            for _ in range(60)
        }
    assert (429 in answers) == refused


def test_an_answer_comes_from_as_far_away_as_the_rules_say() -> None:
    with empty_world() as world:
        far = {"round_trip": _ROUND_TRIP_SECONDS}
        world.control("PUT", "/pamela/rules", json=far)
        world.control("PUT", "/stripe/rules", json=far)
        assert _seconds(lambda: world.api("GET", "/usage")) >= _ROUND_TRIP_SECONDS
        with running(world.sandbox) as url:
            key = {"Authorization": f"Bearer {STRIPE_KEY}"}
            meters = f"{url}/v1/billing/meters"
            asked = partial(httpx2.get, meters, headers=key, verify=False)
            assert _seconds(asked) >= _ROUND_TRIP_SECONDS


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_a_port_in_use_is_refused() -> None:
    with listen() as subscription:
        subscription.listen()
        port = int(url_of(subscription).rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            listen(port)


def test_the_state_is_saved_whole_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    assert load_state(path) is None
    with empty_world() as world:
        world.add(connected("c", NOW - timedelta(hours=1)))
        world.advance(hours=5)
        save_state(world.sandbox, path)
        saved = load_state(path)
        assert saved is not None
        loaded = Sandbox.from_state(saved)
        assert loaded.clock.now() - world.sandbox.clock.now() < timedelta(minutes=1)
        assert loaded.truth()["pamela"] == world.sandbox.truth()["pamela"]
        assert loaded.stripe.to_state() == world.sandbox.stripe.to_state()
    assert os.listdir(tmp_path) == ["sandbox.json"], "nothing is left beside it"


@pytest.mark.parametrize("content", ["[]", "{", '{"version": 99}'])
def test_another_file_is_not_taken_for_a_state(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"\w"):
        Sandbox.from_state(load_state(path) or {})


def test_the_state_is_saved_while_things_happen(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    with empty_world() as world, kept_in(world.sandbox, path, every=0.01):
        world.add(connected("c", NOW))
        wait_until(lambda: path.exists() and b'\\"c\\"' in path.read_bytes())


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_saves_first(
    tmp_path: Path, ending: signal.Signals
) -> None:
    path = tmp_path / "sandbox.json"
    command = [sys.executable, "-c", SERVE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        wait_until_answering(f"{url}/_sandbox")
        with httpx2.Client(base_url=url, timeout=LONGEST_WAIT_SECONDS) as http:
            http.post("/_sandbox/customers", json={"id": "cus_kept"})
            process.send_signal(ending)
            # Also with a connection that is still open.
            process.wait(LONGEST_WAIT_SECONDS)
    saved = load_state(path)
    assert saved is not None
    (customer,) = Sandbox.from_state(saved).customers()
    assert customer.id == "cus_kept"
