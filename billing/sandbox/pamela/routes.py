"""The sandbox's Pamela API over HTTP, under `/api/b2b/v1`, as one table of routes."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from billing.sandbox.clock import SandboxClock
from billing.sandbox.distance import under_way
from billing.sandbox.fault_injection import answer
from billing.sandbox.faults import Faults
from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.create_calls import create_call, end_call
from billing.sandbox.pamela.errors import Refusal, json_response, refusal_for
from billing.sandbox.pamela.partner import (
    checkout,
    create_key,
    list_keys,
    portal,
    revoke_key,
    show_subscription,
)
from billing.sandbox.pamela.request import (
    PamelaRequest,
    account_with_key,
    account_with_token,
)
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.pamela.tools import active_tools, register_tool, retire_tool
from billing.sandbox.request_log import RequestLog, RequestRecord

PREFIX = "/api/b2b/v1"

Operation = Callable[[PamelaRequest], object]
Admission = Callable[[PamelaState, Request, datetime], Account]


class PamelaRoute(NamedTuple):
    """One row of the table: a path, its name for faults, and what it does."""

    method: str
    path: str
    name: str
    operation: Operation
    admission: Admission = account_with_key


def _list_calls(request: PamelaRequest) -> Response:
    """Join the finished JSON of the calls: nothing is parsed or rendered."""
    query = request.list_query()
    page = request.state.list_calls(request.account, query, request.now)
    end = query.offset + len(page.items)
    more = end < page.total
    body = b'{"items":[%b],"total":%d,"limit":%d,"offset":%d,"has_more":%b,' % (
        b",".join(page.items),
        page.total,
        query.limit,
        query.offset,
        b"true" if more else b"false",
    )
    body += b'"next_offset":%b}' % (b"%d" % end if more else b"null")
    return Response(body, media_type="application/json")


def _get_call(request: PamelaRequest) -> Response:
    body = request.state.visible_call(request.account, request.name, request.now)[1]
    return Response(body, media_type="application/json")


def _create_call(request: PamelaRequest) -> object:
    return create_call(request.state, request.account, request.document(), request.now)


def _end_call(request: PamelaRequest, *, hangup: bool) -> object:
    return end_call(
        request.state, request.account, request.name, request.now, hangup=hangup
    )


def _register_tool(request: PamelaRequest) -> object:
    return register_tool(
        request.state, request.account, request.document(), request.now
    )


def _list_tools(request: PamelaRequest) -> object:
    return active_tools(request.state, request.account)


def _delete_tool(request: PamelaRequest) -> object:
    return retire_tool(request.state, request.account, request.name, request.now)


def _usage(request: PamelaRequest) -> object:
    return request.state.usage(request.account, request.period(), request.now)


TABLE = (
    PamelaRoute(
        method="POST", path="/calls", name="calls.create", operation=_create_call
    ),
    PamelaRoute(method="GET", path="/calls", name="calls.list", operation=_list_calls),
    PamelaRoute(
        method="GET", path="/calls/{name}", name="calls.get", operation=_get_call
    ),
    PamelaRoute(
        method="POST",
        path="/calls/{name}/cancel",
        name="calls.cancel",
        operation=partial(_end_call, hangup=False),
    ),
    PamelaRoute(
        method="POST",
        path="/calls/{name}/hangup",
        name="calls.hangup",
        operation=partial(_end_call, hangup=True),
    ),
    PamelaRoute(
        method="POST", path="/tools", name="tools.create", operation=_register_tool
    ),
    PamelaRoute(method="GET", path="/tools", name="tools.list", operation=_list_tools),
    PamelaRoute(
        method="DELETE",
        path="/tools/{name}",
        name="tools.delete",
        operation=_delete_tool,
    ),
    PamelaRoute(method="GET", path="/usage", name="usage.get", operation=_usage),
    PamelaRoute(
        method="POST",
        path="/partner/api-keys",
        name="partner.api_keys.create",
        operation=create_key,
        admission=account_with_token,
    ),
    PamelaRoute(
        method="GET",
        path="/partner/api-keys",
        name="partner.api_keys.list",
        operation=list_keys,
        admission=account_with_token,
    ),
    PamelaRoute(
        method="POST",
        path="/partner/api-keys/{name}/revoke",
        name="partner.api_keys.revoke",
        operation=revoke_key,
        admission=account_with_token,
    ),
    PamelaRoute(
        method="GET",
        path="/partner/subscription",
        name="partner.subscription.get",
        operation=show_subscription,
        admission=account_with_token,
    ),
    PamelaRoute(
        method="POST",
        path="/partner/subscription/checkout",
        name="partner.subscription.checkout",
        operation=checkout,
        admission=account_with_token,
    ),
    PamelaRoute(
        method="POST",
        path="/partner/subscription/portal",
        name="partner.subscription.portal",
        operation=portal,
        admission=account_with_token,
    ),
)


def pamela_router(
    state: PamelaState,
    clock: SandboxClock,
    faults: Faults,
    log: RequestLog | None = None,
) -> APIRouter:
    """Return the routes of a Pamela; `log` notes every request that is seen."""
    noted = RequestLog() if log is None else log
    router = APIRouter()
    for endpoint in TABLE:
        # Plain routes: validation and models would cost more than a page of calls.
        router.add_route(
            PREFIX + endpoint.path,
            _route(endpoint, state, clock, faults, log=noted),
            methods=[endpoint.method],
        )
    return router


def _route(
    endpoint: PamelaRoute,
    state: PamelaState,
    clock: SandboxClock,
    faults: Faults,
    *,
    log: RequestLog,
) -> Callable[[Request], Awaitable[Response]]:
    name = f"pamela.{endpoint.name}"

    async def route(request: Request) -> Response:
        async with under_way(state.distance):
            return await answer_here(request)

    async def answer_here(request: Request) -> Response:
        body = await request.body()
        at = clock.now()

        async def work() -> Response:
            return _work(endpoint, state, request, body, now=clock.now())

        response = await answer(
            request,
            name,
            faults,
            clock,
            work=work,
            refuse=lambda fault: refusal_for(fault).response(),
        )
        response.headers["Date"] = format_datetime(clock.now(), usegmt=True)
        path, query = request.url.path, request.url.query
        status = response.status_code
        log.add(
            RequestRecord(
                at=at,
                endpoint=name,
                method=request.method,
                path=path,
                query=query,
                status=status,
            )
        )
        return response

    return route


def _work(
    endpoint: PamelaRoute,
    state: PamelaState,
    request: Request,
    body: bytes,
    *,
    now: datetime,
) -> Response:
    try:
        account = endpoint.admission(state, request, now)
        result = endpoint.operation(
            PamelaRequest(
                state=state, account=account, now=now, http=request, body=body
            )
        )
    except Refusal as refusal:
        return refusal.response()
    return result if isinstance(result, Response) else json_response(result)
