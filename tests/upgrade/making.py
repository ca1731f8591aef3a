"""Makes the fixture: `python -m tests.upgrade.making FOLDER` plays three months.

January is closed, February is over and open, March is at its twelfth day. What happens
is asked for over HTTP of a sandbox, and done by commands; no row is edited.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx2

from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.seeds.worlds import customers_of, new_account
from billing.sandbox.server import running
from billing.sandbox.world import METER, STRIPE_KEY, Sandbox, new_sandbox
from tests.upgrade import packing
from tests.upgrade.calls import (
    ACCOUNTS,
    ALDER,
    DELETED,
    ELM,
    FOREIGN_MINUTES,
    OWNERS,
    all_calls,
    at,
)
from tests.upgrade.desk import Desk

BEGIN = at(2, 2, 9, 5)
SENDS, CANCELS = "stripe.meter_events.create", "stripe.meter_event_adjustments.create"
LISTS = "pamela.calls.list"
SLOW_SECONDS = 25
DOWN = {"kind": "error_500", "endpoint": SENDS}
MUTE = {"kind": "error_500_after", "endpoint": SENDS}
SLOW = {"kind": "latency", "endpoint": SENDS, "detail": SLOW_SECONDS * 1_000}
ONE_UNSENT = {"kind": "drop_before", "endpoint": SENDS, "count": 1}
CANCEL_UNHEARD = {"kind": "drop_after", "endpoint": CANCELS}
NOT_FOUND = "meter_event_customer_not_found"
DAY = timedelta(days=1)
NO_SUCH_HAZEL = "cus_hazeltrevel"


def make(folder: Path) -> None:
    """Play the story, and pack what it leaves into a folder."""
    with tempfile.TemporaryDirectory() as place, _world() as (sandbox, url):
        desk = Desk(Path(place), url, f"sqlite:///{place}/billing.db")
        _january(desk)
        _february(desk)
        _march(desk)
        packing.pack(desk, sandbox, folder)
        # The sandbox ends quietly once no slow answer is left.
        time.sleep(SLOW_SECONDS)


@contextmanager
def _world() -> Iterator[tuple[Sandbox, str]]:
    pamela = PamelaState(seed=1)
    for name, customers in ACCOUNTS.items():
        new_account(pamela, name, BEGIN, customers=customers)
    sandbox = new_sandbox(pamela, customers_of(list(OWNERS)), BEGIN, rate_limits="off")
    with running(sandbox) as url:
        yield sandbox, url


def _january(desk: Desk) -> None:
    """Bill a month that is over, and close it; it changes later."""
    accounts = desk.ask("GET", "/_sandbox")["accounts"]
    keys = {account["name"]: account["api_key"] for account in accounts}
    for name, calls in all_calls().items():
        owner = {"Authorization": f"Bearer {keys[name]}"}
        desk.ask("POST", "/_sandbox/calls", calls, owner)
    desk.json("init", "--sandbox", desk.url)
    metadata = 'report_metadata = ["campaign"]\nmetadata_retention_days = 50\n\n'
    desk.amend("[ledger]", f"{metadata}[ledger]")
    desk.amend("[sandbox]", 'anchors = ["folder:anchors"]\n\n[sandbox]')
    desk.run()
    _run(desk, at(2, 3, 12, 5))
    desk.move_to(at(2, 3, 13, 15))
    closed = desk.json("close", "2026-01", "--reason", "the books agree")
    assert closed["closed"]
    desk.json("export", "audit", "2026-01", "--output", str(desk.folder))


def _february(desk: Desk) -> None:
    """Let everything go wrong once that can be set right again."""
    desk.move_to(at(2, 4, 9))
    desk.amend('"cus_hazeltravel"', f'"{NO_SUCH_HAZEL}"')
    _run_often(desk, at(2, 5, 19, 5), at(2, 11, 19))
    # An outage: all was counted, and no answer came; a day later it is read.
    _run_in_trouble(desk, at(2, 11, 19, 5), MUTE)
    _run(desk, at(2, 12, 19, 10))
    # Another one: nothing was counted, which two reads show; then it is sent again.
    _run_in_trouble(desk, at(2, 13, 19, 5), DOWN)
    _run(desk, at(2, 14, 19, 10))
    _run(desk, at(2, 14, 19, 45))
    _run(desk, at(2, 15, 19, 5))
    _reject(desk, count=1)
    for hour in (11, 12, 13):
        _run(desk, at(2, 16, hour, 5))
    _void_rejected(desk)
    _run(desk, at(2, 17, 19, 5))
    desk.move_to(at(2, 19, 12))
    _send_as_a_stranger(desk)
    _run(desk, at(2, 19, 19, 5))
    # A source that fails, and a pull that does.
    _run_in_trouble(desk, at(2, 20, 8, 5), {"kind": "forbidden", "endpoint": LISTS})
    _run(desk, at(2, 20, 19, 5))
    desk.move_to(at(2, 21, 12))
    desk.ask("DELETE", f"/_sandbox/calls/{DELETED}")
    desk.move_to(at(2, 24, 9))
    price = '[[prices]]\nfrom = {}\nper_minute = "{}"\n'
    prices = price.format("2020-01-01", "0.10"), price.format("2026-03-05", "0.12")
    with desk.settings_file.open("a") as settings:
        settings.write("\n" + "\n".join(prices))
    erase = ("db", "erase", "--key", "campaign", "--call", "call_cancelled")
    desk.json(*erase, "--reason", "asked to")
    desk.json("audit", "rotate-key", "--reason", "once a year")
    _run_often(desk, at(2, 25, 19, 5), at(3, 2))


def _march(desk: Desk) -> None:
    """Come to the middle of a month, with something of everything still open."""
    _run_often(desk, at(3, 2, 19, 5), at(3, 9))
    _reject(desk, count=2)
    for hour in (11, 12, 13, 19):
        _run(desk, at(3, 9, hour, 5))
    _run(desk, at(3, 10, 19, 5))
    # Stripe takes five events and throws them away; its report names three of them.
    _reject(desk, count=5)
    _run(desk, at(3, 11, 10, 5))
    # Two requests are out when the process is killed: one was counted.
    desk.move_to(at(3, 11, 11, 5))
    desk.json("pull", "2026-03")
    desk.kill("sync", while_slow=2, faults=(ONE_UNSENT, SLOW, CANCEL_UNHEARD))
    # A day later both are uncertain, and summaries do not tell of them yet.
    desk.move_to(at(3, 12, 10, 25))
    desk.ask("PUT", "/_sandbox/stripe/rules", {"summary_lag": 86_000})
    desk.json("pull", "2026-03", "--account", "lakeview")
    desk.kill("sync", while_slow=1, faults=(SLOW,))
    _go_on_without_elm(desk)
    desk.ask("PUT", "/_sandbox/stripe/rules", {"summary_lag": 60})
    desk.move_to(at(3, 12, 10, 45))
    for month in ("2026-02", "2026-03"):
        desk.json("reconcile", month, codes=(0, 1, 3))
    _acknowledge(desk, "expired", "billed by hand")
    _acknowledge(desk, "voided", "credited by hand")
    _acknowledge(desk, "foreign_event", "another service's, and wanted")
    desk.json("audit", "sign")
    slow_lists = SLOW | {"endpoint": LISTS}
    pull = ("pull", "2026-03", "--account", "summit")
    desk.kill(*pull, while_slow=1, faults=(slow_lists,))


def _go_on_without_elm(desk: Desk) -> None:
    """Let Stripe be down for all but a customer that the settings have lost.

    What it was being sent when the process was killed stays as it is.
    """
    whole = desk.settings_file.read_text()
    block = f'[[customers]]\nname = "{ELM}"\nstripe_customer = "cus_elmcouriers"\n'
    desk.amend(block, "")
    desk.amend(NO_SUCH_HAZEL, "cus_hazeltravel")
    for account in ("riverside", "summit"):
        desk.json("pull", "2026-03", "--account", account)
    desk.move_to(at(3, 12, 10, 40))
    desk.trouble(DOWN)
    desk.json("sync", codes=(1,))
    desk.trouble()
    desk.settings_file.write_text(whole.replace(NO_SUCH_HAZEL, "cus_hazeltravel"))


def _run(desk: Desk, moment: datetime) -> None:
    desk.move_to(moment)
    desk.run()


def _run_often(desk: Desk, moment: datetime, until: datetime) -> None:
    while moment < until:
        _run(desk, moment)
        moment += 2 * DAY


def _run_in_trouble(desk: Desk, moment: datetime, fault: Mapping[str, object]) -> None:
    desk.move_to(moment)
    desk.trouble(fault)
    document = desk.json("run", codes=(1,))
    assert document["errors"]
    desk.trouble()


def _reject(desk: Desk, count: int) -> None:
    """Let Stripe throw away what it takes next of a customer."""
    order = {"customer": "cus_cedaroptics", "code": NOT_FOUND, "count": count}
    desk.ask("POST", "/_sandbox/stripe/rejections", order)


def _void_rejected(desk: Desk) -> None:
    [event] = desk.rows("SELECT identifier FROM meter_event WHERE reason = 'rejected'")
    why = ("--reason", "credited by hand")
    desk.json("sync", "--void", event["identifier"], *why)


def _send_as_a_stranger(desk: Desk) -> None:
    """Let somebody else report minutes of a customer to the same meter."""
    customer = f"cus_{ALDER.replace('-', '')}"
    event = {
        "event_name": METER,
        "payload[stripe_customer_id]": customer,
        "payload[value]": str(FOREIGN_MINUTES),
        "timestamp": str(int(at(2, 19, 9, 30).timestamp())),
    }
    with httpx2.Client(trust_env=False, verify=False) as client:
        answer = client.post(
            f"{desk.url}/v1/billing/meter_events", data=event, auth=(STRIPE_KEY, "")
        )
    answer.raise_for_status()


def _acknowledge(desk: Desk, cause: str, why: str) -> None:
    every = desk.json("breaks")["breaks"]
    numbers = [str(case["break"]) for case in every if case["cause"] == cause]
    assert numbers, cause
    for number in numbers:
        desk.json("breaks", "--acknowledge", number, "--reason", why)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
