"""The request log keeps the latest requests and counts them all."""

from datetime import UTC, datetime

from billing.sandbox.request_log import CUT, RequestLog, RequestRecord

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def record(number: int) -> RequestRecord:
    return RequestRecord(
        at=NOW,
        endpoint="pamela.calls.list",
        method="GET",
        path=f"/calls/{number}",
        query="a=1",
        status=CUT,
    )


def test_old_requests_are_only_counted() -> None:
    log = RequestLog(limit=2)
    for number in range(3):
        log.add(record(number))
    assert log.records() == [record(1), record(2)]
    assert log.seen == 3


def test_a_record_is_plain_json() -> None:
    log = RequestLog()
    log.add(record(1))
    assert log.to_json() == [
        {
            "at": "2026-03-10T12:00:00Z",
            "endpoint": "pamela.calls.list",
            "method": "GET",
            "path": "/calls/1",
            "query": "a=1",
            "status": 0,
            "identifier": None,
            "idempotency_key": None,
        }
    ]
