"""Planted bugs: mistakes that real products made, one for each way to lose a minute."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import or_, update

from billing.domain import settlement
from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.domain.period import HOUR, hour_of
from billing.gateways import pamela
from billing.ledger.pull import calls, pulls
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.sync import attempts, operator_actions, staging
from billing.ledger.sync import error_reports as reports
from billing.pipeline import close
from billing.pipeline.pull import account_rules, pull
from billing.pipeline.reconcile import comparison
from billing.pipeline.sync import cancel, customer, error_reports, send
from tests.simulation.planted import parts
from tests.simulation.world import meter

Make = Callable[[Any], Any]
Swap = tuple[Any, str, Make]
event = meter_event.c


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug: what it is, and which parts of the product it takes the place of."""

    says: str
    swaps: tuple[Swap, ...]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the product have the bug."""
        with ExitStack() as stack:
            for owner, name, make in self.swaps:
                real = owner.__dict__[name]
                stack.callback(setattr, owner, name, real)
                setattr(owner, name, make(real))
            yield


def bug(says: str, *swaps: Swap) -> Planted:
    """Name a bug."""
    return Planted(says, swaps)


def always(value: object) -> Make:
    """Make a function that says the same to all."""
    return lambda _real: lambda *_args, **_more: value


def taken_as(verdict: SendVerdict, other: SendVerdict) -> Make:
    """Make a reader of answers that mistakes one verdict for another."""

    def make(real: Callable[..., SendAnswer]) -> Callable[..., SendAnswer]:
        def read(*args: Any) -> SendAnswer:
            answer = real(*args)
            mistaken = answer.verdict is verdict
            return replace(answer, verdict=other) if mistaken else answer

        return read

    return make


PLANTED: tuple[Planted, ...] = (
    # The outbox
    bug(
        "each retry has a new identifier",
        (send.Sender, "_attempt", parts.rename_retries),
    ),
    bug(
        "events are resent after a day",
        (send, "may_resend", always(True)),
        (customer, "may_resend", always(True)),
    ),
    bug(
        "a duplicate is a failure to try again",
        (
            SendAnswer,
            "counted",
            lambda _: property(lambda a: a.verdict is SendVerdict.COUNTED),
        ),
    ),
    bug(
        "a duplicate is a refusal",
        (meter, "answer_of", taken_as(SendVerdict.DUPLICATE, SendVerdict.REFUSED)),
        (attempts, "_changes", parts.forget_the_unknown),
    ),
    bug(
        "a refusal proves that nothing counts, whatever was lost before",
        (attempts, "_changes", parts.forget_the_unknown),
    ),
    bug(
        "no answer is taken for a yes",
        (meter, "answer_of", taken_as(SendVerdict.UNKNOWN, SendVerdict.COUNTED)),
    ),
    bug(
        "no answer is taken for a no",
        (meter, "answer_of", taken_as(SendVerdict.UNKNOWN, SendVerdict.BUSY)),
    ),
    bug(
        "whether it may go is not asked again before the send",
        (send.Sender, "_may_send", always(True)),
    ),
    bug(
        "the attempt is written down after the send",
        (send, "record_attempts", parts.write_later),
        (send, "record_answers", parts.write_both),
    ),
    bug(
        "the count of tries does not survive a restart",
        (send, "record_attempts", parts.forget_tries),
    ),
    bug(
        "retries do not wait",
        (parts.retries, "delay_before_retry", parts.wait_not_at_all),
    ),
    bug(
        "one idempotency key for all tries",
        (
            send,
            "_idempotency_key",
            lambda _: lambda event: event.event.identifier,
        ),
    ),
    bug(
        "whoever comes first sends, and whoever comes second",
        (customer, "try_lock", lambda _: parts.hold_anyway),
        (send, "record_attempts", lambda _: parts.claim_anyway),
    ),
    bug(
        "an event has the time at which it is staged",
        (
            staging,
            "plan_events",
            lambda real: (
                lambda places, to, staged, now, **more: real(
                    {
                        place._replace(hour=hour_of(now) - HOUR): rows
                        for place, rows in places.items()
                    },
                    to,
                    staged,
                    now,
                    **more,
                )
            ),
        ),
    ),
    bug(
        "a total below zero is sent",
        (customer, "keeps_above_zero", always(True)),
    ),
    # Unknown outcomes, cancellations, refusals
    bug(
        "one empty read proves that an event does not count",
        (settlement, "_is_firm", always(True)),
    ),
    bug(
        "a summary is believed at once",
        (comparison, "is_settled", always(True)),
    ),
    bug(
        "an uncertain event is freed like a refused one",
        (
            operator_actions,
            "_refused",
            lambda _: lambda: event.reason.in_(["rejected", "uncertain", "unanswered"]),
        ),
    ),
    bug(
        "a refused event is sent again under its old identifier",
        (operator_actions, "retry_rejected", lambda _: parts.arm_refused),
    ),
    bug(
        "a cancellation without an answer is taken as done",
        (
            meter,
            "as_cancellation",
            taken_as(SendVerdict.UNKNOWN, SendVerdict.CANCELLED),
        ),
    ),
    bug(
        "a cancelled event keeps its place while its rows are staged anew",
        (
            staging,
            "release",
            lambda _: (
                lambda ledger, number: ledger.execute(
                    update(b2b_usage)
                    .where(b2b_usage.c.meter_event_id == number)
                    .values(meter_event_id=None)
                )
            ),
        ),
    ),
    bug(
        "what was tried already is given a new address",
        (
            staging,
            "_REFUSED",
            lambda real: or_(real, event.state == "pending"),
        ),
    ),
    bug(
        "reports of late refusals are not followed",
        (customer, "reject_what_is_reported", always(0)),
    ),
    bug(
        "only the sample that a report names is looked at",
        (
            reports,
            "suspects",
            lambda real: lambda *a: [one for one in real(*a) if one.named],
        ),
        (reports, "missing_events", always([])),
    ),
    bug(
        "all of a report's window is refused without a look",
        (error_reports, "_is_gone", always(True)),
    ),
    bug(
        "a cancellation leaves without asking whether it may",
        (cancel, "_may_send", always(True)),
        (cancel, "_in_time", always(True)),
    ),
    # Calls and months
    bug(
        "pages of a list need not overlap",
        (pamela, "PageWalk", lambda _: parts.HeedlessWalk),
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
            "_newest_revisions",
            lambda real: (
                lambda *a: {
                    name: revision._replace(digest="")
                    for name, revision in real(*a).items()
                }
            ),
        ),
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
