"""Planted bugs of pulls and months: what is not read, billed twice, or dropped."""

from dataclasses import replace

from billing.gateways import call_pages
from billing.ledger.pull import calls, pulls
from billing.pipeline import close
from billing.pipeline.pull import account_rules, pull
from tests.simulation.planted import parts
from tests.simulation.planted.bug import Planted, always, bug

PULL_BUGS: tuple[Planted, ...] = (
    bug(
        "pages of a list need not overlap",
        (call_pages, "PageWalk", lambda _: parts.HeedlessWalk),
    ),
    bug(
        "a pull that failed calls itself complete",
        (
            pulls,
            "fail_pull",
            lambda _: (
                lambda ledger, number, _error, now: pulls.complete_pull(
                    ledger, number, pulls.Certificate(), now
                )
            ),
        ),
    ),
    bug(
        "a pull is complete before its last day is stored",
        (pull._Pull, "_record", parts.store_one_behind),
    ),
    bug(
        "calls of a month that nobody asked for are passed over",
        (pull._Pull, "_record", parts.record_own_month),
    ),
    bug(
        "a total that is more than its calls is not searched for",
        (pull._Pull, "_reconsider", always(None)),
    ),
    bug(
        "a call that no list has any more is not asked for",
        (pull._Pull, "_ask_for_unmet", always(None)),
    ),
    bug(
        "a call is billed in a month before the first one",
        (account_rules.AccountRules, "_is_before_first", always(False)),
    ),
    bug(
        "each reading of a call is a new revision",
        (
            calls,
            "known_calls",
            lambda real: (
                lambda *a: {
                    name: replace(revision, digest="")
                    for name, revision in real(*a).items()
                }
            ),
        ),
    ),
    bug(
        "what can be read at last does not overrule a decision",
        (calls, "known_calls", parts.heed_decisions_for_ever),
    ),
    bug(
        "a call that moved is billed at both places",
        (calls, "plan_postings", parts.bill_twice),
    ),
    bug(
        "a changed call is billed anew in whole",
        (calls, "plan_postings", lambda real: lambda due, _posted: real(due, {})),
    ),
    bug(
        "late usage of a closed month is dropped",
        (calls, "load_rows", parts.drop_late_rows),
    ),
    bug(
        "a month is closed whatever is open in it",
        (close, "find_obstacles", always(())),
    ),
    bug(
        "started minutes are not counted",
        (
            parts.posting,
            "billed_minutes",
            lambda _: lambda seconds: max(seconds // 60, 1),
        ),
    ),
)
