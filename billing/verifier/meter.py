"""The way to the meter: events report their rows, and what counts has evidence.

An opening is an event that another program's minutes stand for: it counts our rows of
before a cut-over, has the minutes that were read there, and was never sent.
"""

import sqlite3
from typing import NamedTuple

from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.shapes import BINDING, TABLE_FILES

_SUMS = """
CREATE TEMP TABLE carried AS SELECT bound.event AS event, COUNT(*) AS bound,
  COUNT(u.id) AS rows, SUM(u.billed_minutes) AS minutes, SUM(u.amount_micro) AS amount,
  SUM(u.customer <> e.customer OR CASE WHEN e.carries IS NULL THEN u.hour <> e.hour
    ELSE u.period <> e.carries END) AS misplaced
FROM bound JOIN meter_event e ON e.id = bound.event
LEFT JOIN b2b_usage u ON u.id = bound.usage GROUP BY bound.event
"""
_OPENINGS = TABLE_FILES["meter_opening"]
_EVENTS, _ATTEMPTS = TABLE_FILES["meter_event"], TABLE_FILES["meter_attempt"]


class _Violation(NamedTuple):
    """What must not be: the query that finds it, in which file, and what it is."""

    query: str
    file: str
    why: str


_INVARIANTS = (
    _Violation(
        "SELECT e.id FROM meter_event e WHERE NOT EXISTS "
        "(SELECT 1 FROM carrier c WHERE c.event = e.id)",
        _EVENTS,
        "nothing says which rows it carries",
    ),
    _Violation(
        "SELECT c.event FROM carrier c WHERE NOT EXISTS "
        "(SELECT 1 FROM meter_event e WHERE e.id = c.event)",
        TABLE_FILES[BINDING],
        "its event is not there",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN carried c ON c.event = e.id "
        "WHERE {months} AND c.rows <> c.bound",
        _EVENTS,
        "it carries rows of usage that are not there",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN carrier c ON c.event = e.id "
        "WHERE e.reason = 'replaced' AND c.rows > 0",
        _EVENTS,
        "it was replaced, and still carries rows",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e LEFT JOIN carried c ON c.event = e.id "
        "WHERE COALESCE(e.reason, '') <> 'replaced' "
        "AND COALESCE(c.rows, 0) = COALESCE(c.bound, 0) AND ("
        "e.usage_rows <> COALESCE(c.rows, 0) OR (e.id NOT IN "
        "(SELECT event_id FROM meter_opening) AND ("
        "e.minutes <> COALESCE(c.minutes, 0) "
        "OR e.amount_micro <> COALESCE(c.amount, 0))))",
        _EVENTS,
        "it reports other minutes than its rows hold",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN carried c ON c.event = e.id "
        "WHERE c.misplaced > 0",
        _EVENTS,
        "it carries rows of another customer or hour",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e WHERE e.period <> substr(e.hour, 1, 7) OR "
        "e.timestamp <> substr(e.hour, 1, 14) || printf('%02d', e.sequence) || "
        "':00+00:00' OR e.identifier <> "
        "CASE e.livemode WHEN 0 THEN 'test' ELSE 'live' END || '-' || e.meter || '-' "
        "|| e.stripe_customer || '-' || substr(replace(e.hour, '-', ''), 1, 11) || '-' "
        "|| e.sequence",
        _EVENTS,
        "its name, minute and month are not what its parts say",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e WHERE {months} AND e.state = 'synced' AND ("
        "e.evidence IS NULL OR NOT ("
        "(e.minutes = 0 AND e.id NOT IN (SELECT event_id FROM meter_attempt)) "
        "OR e.id IN (SELECT o.event_id FROM meter_opening o JOIN adoption d "
        "ON d.id = o.adoption_id WHERE d.kind = 'cut_over') "
        "OR e.id IN (SELECT event_id FROM meter_attempt WHERE kind = 'event' "
        "AND verdict IN ('counted', 'duplicate')) OR EXISTS (SELECT 1 "
        "FROM shown r WHERE r.event_id = e.id AND (r.minutes = e.minutes OR ("
        # Sent again, it may count more than once, and shows a multiple of itself.
        "(e.rearmed_at IS NOT NULL OR "
        "(SELECT COUNT(*) FROM meter_attempt b WHERE b.event_id = e.id) > 1) "
        "AND r.minutes <> 0 AND (r.minutes > 0) = (e.minutes > 0) "
        "AND r.minutes % e.minutes = 0)))))",
        _EVENTS,
        "it counts as synced, and nothing shows that it was counted",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN meter_attempt a ON a.event_id = e.id "
        "WHERE e.state = 'pending' AND a.kind = 'event' "
        "AND a.verdict IN ('counted', 'duplicate') AND a.number = (SELECT "
        "MAX(b.number) FROM meter_attempt b WHERE b.event_id = e.id AND "
        "b.kind = 'event') AND NOT COALESCE(e.rearmed_at > a.started_at, 0)",
        _EVENTS,
        "it is to be sent, and its last answer showed that it was counted",
    ),
    _Violation(
        # In this order, and by keys as they are (+): else all are paired with all.
        "SELECT n.id FROM meter_attempt a CROSS JOIN meter_attempt n "
        "ON n.event_id = a.event_id AND n.number = a.number + 1 "
        "CROSS JOIN meter_event e ON e.id = a.event_id "
        "CROSS JOIN entry answered ON answered.tbl = 'meter_attempt' "
        "AND answered.key = +a.id CROSS JOIN entry begun "
        "ON begun.tbl = 'meter_attempt' AND begun.key = +n.id "
        "WHERE a.kind = 'event' AND n.kind = 'event' "
        "AND a.verdict IN ('counted', 'duplicate') AND begun.first > answered.since "
        "AND NOT COALESCE(e.rearmed_at > a.started_at, 0)",
        _ATTEMPTS,
        "it was sent although the attempt before it was known as counted",
    ),
    _Violation(
        "SELECT o.id FROM meter_opening o LEFT JOIN meter_event e ON e.id = o.event_id "
        "LEFT JOIN adoption d ON d.id = o.adoption_id WHERE e.id IS NULL "
        "OR d.id IS NULL OR d.kind NOT IN ('cut_over', 'send_difference')",
        _OPENINGS,
        "its event, or the decision that made it, is not there",
    ),
    _Violation(
        "SELECT o.id FROM meter_opening o JOIN meter_event e ON e.id = o.event_id "
        "JOIN adoption d ON d.id = o.adoption_id WHERE e.customer <> d.customer "
        "OR e.stripe_customer <> d.stripe_customer OR e.meter <> d.meter "
        "OR e.livemode <> d.livemode OR CASE d.kind WHEN 'cut_over' THEN "
        "e.hour >= d.from_hour OR e.minutes <> o.minutes OR e.state = 'pending' "
        "OR e.id IN (SELECT event_id FROM meter_attempt) "
        "ELSE o.minutes <> 0 OR e.usage_rows <> 0 END",
        _OPENINGS,
        "it is not what was decided: another's minutes before a cut-over, never sent",
    ),
    _Violation(
        "SELECT a.id FROM meter_attempt a WHERE a.event_id NOT IN "
        "(SELECT id FROM meter_event)",
        _ATTEMPTS,
        "its event is not there",
    ),
    _Violation(
        "SELECT MIN(a.id) FROM meter_attempt a JOIN meter_event e ON e.id = a.event_id "
        "WHERE {months} GROUP BY a.event_id HAVING MIN(a.number) <> 1 "
        "OR MAX(a.number) <> COUNT(*)",
        _ATTEMPTS,
        "attempts of its event are missing",
    ),
    _Violation(
        "SELECT u.id FROM b2b_usage u WHERE {rows} AND u.pull_id NOT IN "
        "(SELECT id FROM pull)",
        TABLE_FILES["b2b_usage"],
        "the pull that read its call is not there",
    ),
    _Violation(
        "SELECT r.id FROM reconciliation_reading r WHERE r.run_id NOT IN "
        "(SELECT id FROM reconciliation_run)",
        TABLE_FILES["reconciliation_reading"],
        "its reconciliation is not there",
    ),
    _Violation(
        "SELECT n.id FROM reconciliation_run n WHERE n.breaks <> "
        "(SELECT COUNT(*) FROM reconciliation_break b WHERE b.run_id = n.id)",
        TABLE_FILES["reconciliation_run"],
        "it found another number of breaks",
    ),
)


def check_meter(work: sqlite3.Connection, months: Months) -> None:
    """Check every event, attempt and reference; raises BadRecord for the first."""
    work.execute(_SUMS)
    work.execute("CREATE UNIQUE INDEX temp.ix_carried ON carried (event)")
    work.execute(
        "CREATE TEMP TABLE shown AS SELECT event_id, minutes FROM meter_reading"
    )
    work.execute("CREATE INDEX temp.ix_shown ON shown (event_id)")
    work.execute("CREATE INDEX ix_attempt ON meter_attempt (event_id, number)")
    work.execute("CREATE INDEX ix_break ON reconciliation_break (run_id)")
    words = {
        "months": months.condition("e.period"),
        "rows": months.condition("u.period"),
    }
    for query, file, why in _INVARIANTS:
        row = work.execute(f"{query.format(**words)} ORDER BY 1 LIMIT 1").fetchone()
        if row is not None:
            raise BadRecord(f"{file}, row {row[0]}", why)
