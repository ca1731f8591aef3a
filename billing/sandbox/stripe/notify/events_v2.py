"""The event list of Stripe's API v2: what happened by itself, page by page."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import urlencode

from billing.sandbox.stripe.http.errors import StripeError, invalid
from billing.sandbox.stripe.http.paging import MOST, USUAL
from billing.sandbox.stripe.http.params import Fields
from billing.sandbox.stripe.metering.error_reports import ErrorReport, Json
from billing.sandbox.stripe.rules import StripeRules

PATH = "/v2/core/events"
MOST_TYPES = 20
BOUNDS = ("gt", "gte", "lt", "lte")


@dataclass(frozen=True)
class EventQuery:
    """Which events are asked for, and which page of them."""

    types: tuple[str, ...]
    object_id: str | None
    created: dict[str, datetime]
    limit: int
    page: str | None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the query."""
        types = fields.values("types") or []
        if len(types) > MOST_TYPES:
            raise invalid(f"types takes at most {MOST_TYPES} names.", param="types")
        object_id = fields.maybe_text("object_id")
        created = fields.group("created")
        bounds = {}
        if created is not None:
            read = {name: created.instant(name) for name in BOUNDS}
            created.end()
            bounds = {name: moment for name, moment in read.items() if moment}
        limit = fields.maybe_whole("limit")
        limit = USUAL if limit is None else limit
        if not 1 <= limit <= MOST:
            raise invalid(f"limit has to be between 1 and {MOST}.", param="limit")
        page = fields.maybe_text("page")
        fields.end()
        return cls(
            types=tuple(types),
            object_id=object_id,
            created=bounds,
            limit=limit,
            page=page,
        )

    def matches(self, report: ErrorReport) -> bool:
        """Say whether an event is among those asked for."""
        made, bounds = report.made_at, self.created
        return (
            (not self.types or report.type in self.types)
            and self.object_id in {None, report.meter}
            and ("gt" not in bounds or made > bounds["gt"])
            and ("gte" not in bounds or made >= bounds["gte"])
            and ("lt" not in bounds or made < bounds["lt"])
            and ("lte" not in bounds or made <= bounds["lte"])
        )

    def cut(
        self, reports: Sequence[ErrorReport]
    ) -> tuple[Sequence[ErrorReport], str | None, str | None]:
        """Return a page, and the URLs of the next and the previous one."""
        start, end = 0, self.limit
        if self.page is not None:
            direction, name = _read_page(self.page)
            ids = [report.id for report in reports]
            place = ids.index(name) if name in ids else None
            if place is None:
                raise invalid("The page is no longer there.", param="page")
            if direction == "after":
                start, end = place + 1, place + 1 + self.limit
            else:
                start, end = max(0, place - self.limit), place
        rows = reports[start:end]
        after = self._url("after", rows[-1].id) if end < len(reports) else None
        before = self._url("before", rows[0].id) if start and rows else None
        return rows, after, before

    def _url(self, direction: str, name: str) -> str:
        pairs: list[tuple[str, object]] = [("limit", self.limit)]
        pairs += [(f"types[{n}]", kind) for n, kind in enumerate(self.types)]
        pairs += [
            (f"created[{bound}]", at.isoformat()) for bound, at in self.created.items()
        ]
        if self.object_id is not None:
            pairs.append(("object_id", self.object_id))
        token = base64.urlsafe_b64encode(f"{direction}:{name}".encode()).decode()
        return f"{PATH}?{urlencode([*pairs, ('page', token)])}"


def list_events(
    reports: Sequence[ErrorReport], rules: StripeRules, fields: Fields
) -> Json:
    """Return a page of the events asked for, the newest first."""
    query = EventQuery.read(fields)
    wanted = [report for report in reversed(reports) if query.matches(report)]
    rows, after, before = query.cut(wanted)
    whole = rules.listed_events_have_data
    return {
        "data": [row.to_json(rules) if whole else row.notification() for row in rows],
        "next_page_url": after,
        "previous_page_url": before,
    }


def retrieve_event(
    reports: Sequence[ErrorReport], rules: StripeRules, name: str
) -> Json:
    """Return an event with its data; the 404 when it never was or is forgotten."""
    for report in reports:
        if report.id == name:
            return report.to_json(rules)
    message = f"No such event: '{name}'"
    raise StripeError(
        http_status=404,
        type="invalid_request_error",
        message=message,
        v2_code="not_found",
    )


def _read_page(token: str) -> tuple[str, str]:
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        text = ""
    direction, _, name = text.partition(":")
    if direction not in {"after", "before"}:
        raise invalid("Invalid page.", param="page")
    return direction, name
