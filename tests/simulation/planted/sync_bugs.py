"""Planted bugs of sync: what is sent twice, never, or otherwise than it was staged."""

from datetime import timedelta

from sqlalchemy import literal, or_

from billing.domain import cancellation, settlement
from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.domain.period import HOUR, hour_of
from billing.ledger.reconcile import events_with_calls
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync import attempts, operator_actions, staging
from billing.ledger.sync import error_reports as reports
from billing.pipeline.reconcile import comparison
from billing.pipeline.sync import cancel, customer, error_reports, send, settle
from tests.simulation.planted import parts
from tests.simulation.planted.bug import Planted, always, bug, taken_as
from tests.simulation.world import meter

event = meter_event.c
SYNC_BUGS: tuple[Planted, ...] = (
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
        "two empty reads are proof, though Stripe may have forgotten the identifier",
        (settle, "rule_before_resend", always(settlement.WHILE_REMEMBERED)),
    ),
    bug(
        "a summary is taken to be no later than two hours",
        (settlement, "longest_lag_to_expect", always(timedelta(hours=2))),
    ),
    bug(
        "what was sent again and counts twice is somebody else's",
        (
            events_with_calls,
            "_was_sent_again",
            lambda _: lambda: literal(value=False).label("was_sent_again"),
        ),
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
            lambda _: (
                lambda _names: event.reason.in_(["rejected", "uncertain", "unanswered"])
            ),
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
            lambda _: parts.free_rows,
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
        (cancellation, "CANCEL_WINDOW", lambda _: timedelta(days=40)),
    ),
)
