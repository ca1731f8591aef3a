"""The request log: what the sandbox was asked, and how it answered."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

CUT = 0  # the status noted when the connection was cut instead of answered


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that was seen; `status` is what the client was told."""

    at: datetime
    endpoint: str
    method: str
    path: str
    query: str
    status: int
    identifier: str | None = None
    idempotency_key: str | None = None


class RequestLog:
    """The latest requests, oldest first; safe to use from many threads."""

    def __init__(self, limit: int = 200_000) -> None:
        """Keep at most this many; older ones are only counted."""
        self._lock = threading.Lock()
        self._records: deque[RequestRecord] = deque(maxlen=limit)
        self._seen = 0

    def add(self, record: RequestRecord) -> None:
        """Note a request."""
        with self._lock:
            self._records.append(record)
            self._seen += 1

    @property
    def seen(self) -> int:
        """How many requests there were, the forgotten ones included."""
        with self._lock:
            return self._seen

    def records(self) -> list[RequestRecord]:
        """List the requests that are kept."""
        with self._lock:
            return list(self._records)

    def to_json(self) -> list[dict[str, object]]:
        """Render what is kept as plain JSON values."""
        return [
            {
                "at": record.at.isoformat().replace("+00:00", "Z"),
                "endpoint": record.endpoint,
                "method": record.method,
                "path": record.path,
                "query": record.query,
                "status": record.status,
                "identifier": record.identifier,
                "idempotency_key": record.idempotency_key,
            }
            for record in self.records()
        ]
