"""A sandbox full of calls, served by a process of its own.

It prints one line of JSON (where it is, its key, its customers), then serves until it
is terminated or its standard input ends.
"""

import argparse
import gc
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, replace
from datetime import datetime
from itertools import islice

from billing.sandbox.clock import first_of_month
from billing.sandbox.pamela.call import Call
from billing.sandbox.pamela.call_list import CallList
from billing.sandbox.seeds.bulk import bulk
from billing.sandbox.seeds.worlds import Seeded
from billing.sandbox.server import listen, serve, url_of
from billing.sandbox.world import STRIPE_KEY, Sandbox, new_sandbox

SILENT = b'"transcript":null,"summary":null'
AGENT = r"Agent: Good morning, I am calling about the appointment of next week.\n"
CALLER = r"Caller: One moment, let me see whether the afternoon is still free.\n"
SUMMARY = "The caller kept the appointment and asked for a reminder the day before."
# Two minutes of talk, the usual length of a call here, are about so many turns.
TURNS = 9
TALK = f'"transcript":"{(AGENT + CALLER) * TURNS}","summary":"{SUMMARY}"'.encode()
# What is made of a month when only its beginning is to have happened.
SHARE_OF_MONTH = 0.8


def main() -> None:
    """Build the world that is asked for, and serve it."""
    asked = _arguments()
    sandbox, api_key = build(asked)
    # A full collection walks every call there is, in the middle of somebody's request.
    gc.collect()
    gc.freeze()
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    with listen() as listener:
        # Who asks before the server runs then waits, and is not refused.
        listener.listen()
        told = {
            "url": url_of(listener),
            "api_key": api_key,
            "stripe_key": STRIPE_KEY,
            "customers": [asdict(one) for one in sandbox.customers()],
        }
        print(json.dumps(told), flush=True)
        serve(sandbox, listener)


def build(asked: argparse.Namespace) -> tuple[Sandbox, str]:
    """Return a sandbox with so many calls of one account, and the account's key."""
    now: datetime = asked.now
    made, after = asked.calls, now
    if asked.present:
        made, after = int(asked.calls / SHARE_OF_MONTH), first_of_month(now, 1)
    seeded = bulk(1, after, calls=made, customers=asked.customers, hours=asked.hours)
    _keep(seeded, asked.calls, now, talk=asked.talk)
    sandbox = new_sandbox(seeded.pamela, seeded.customers, now, rate_limits="off")
    return sandbox, seeded.pamela.accounts[0].api_key


def _keep(seeded: Seeded, count: int, now: datetime, *, talk: bool) -> None:
    """Keep the first calls, and let them have been talks."""
    account = seeded.pamela.accounts[0]
    kept = islice(account.call_list.calls(), count)
    calls = [_told(call) for call in kept] if talk else list(kept)
    account.call_list = CallList()
    seeded.pamela.put_calls(account, calls, now)


def _told(call: Call) -> Call:
    (at, body), *_ = call.stages
    return replace(call, stages=((at, body.replace(SILENT, TALK)),))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--customers", type=int, required=True)
    parser.add_argument("--hours", type=int, required=True)
    parser.add_argument("--talk", action="store_true")
    parser.add_argument("--present", action="store_true")
    return parser.parse_args()


def _end_with_standard_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
