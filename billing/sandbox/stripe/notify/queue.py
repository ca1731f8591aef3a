"""Notices: which destination is still to be notified of which event, and what was."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from billing.sandbox.signed_delivery import Reply
from billing.sandbox.stripe.metering.error_reports import ErrorReport
from billing.sandbox.stripe.notify.destinations import (
    HEADER,
    Destination,
    Notice,
    signature,
)


class Notices:
    """The destinations of one mode, and the notices made for them so far."""

    def __init__(
        self, destinations: Iterable[Destination], notices: Iterable[Notice]
    ) -> None:
        self.destinations = {
            destination.id: destination for destination in destinations
        }
        self.notices = {notice.id: notice for notice in notices}
        self.changes = 0
        self._looked: tuple[int, int] | None = None

    def add(self, destination: Destination) -> Destination:
        """Tell a server of what happens from now on."""
        self.destinations[destination.id] = destination
        self.changes += 1
        return destination

    def remove(self, name: str) -> None:
        """Forget a destination; what is on its way to it is not sent."""
        self.changes += 1
        del self.destinations[name]
        for notice in self.notices.values():
            if notice.destination == name and notice.status == "pending":
                notice.status = "lost"

    def due(
        self,
        reports: Callable[[], list[ErrorReport]],
        rejected: int,
        now: datetime,
        *,
        busy: Iterable[str] = (),
    ) -> list[Notice]:
        """Return what is to be sent now, by the time at which it is due.

        Reports change only as events are rejected and as time goes on, so they are
        looked at once a second.
        """
        looked = (rejected, int(now.timestamp()))
        if self.destinations and looked != self._looked:
            self._look(reports())
            self._looked = looked
        pending = [
            notice
            for notice in self.notices.values()
            if notice.status == "pending"
            and notice.due <= now
            and notice.id not in busy
        ]
        return sorted(pending, key=lambda notice: (notice.due, notice.id))

    def headers(self, notice: Notice, now: datetime) -> dict[str, str]:
        """Return the signature of a notice that is sent at a moment."""
        destination = self.destinations.get(notice.destination)
        if destination is None:
            return {}
        moment = datetime.now(UTC) if destination.real_time else now
        return {HEADER: signature(notice.body, destination.secrets(now), moment)}

    def settle(self, notice: Notice, reply: Reply, now: datetime) -> None:
        """Note what came of an attempt."""
        self.changes += 1
        notice.settle(reply, now)

    def _look(self, reports: list[ErrorReport]) -> None:
        for destination in self.destinations.values():
            for report in filter(destination.wants, reports):
                if destination.notice_id(report) in self.notices:
                    continue
                self.changes += 1
                for notice in destination.notices(report):
                    self.notices[notice.id] = notice
