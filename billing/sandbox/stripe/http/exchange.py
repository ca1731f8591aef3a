"""One request to the Stripe stand-in and its answer: key, limits, replay, faults."""

from datetime import datetime
from email.utils import format_datetime
from functools import partial
from inspect import isawaitable

from fastapi import Request, Response

from billing.sandbox.clock import SandboxClock
from billing.sandbox.distance import Distance, under_way
from billing.sandbox.fault_injection import answer
from billing.sandbox.faults import Fault, FaultKind, Faults
from billing.sandbox.request_log import RequestLog, RequestRecord
from billing.sandbox.stripe.account import StripeAccount
from billing.sandbox.stripe.http.errors import (
    StripeError,
    forbidden,
    locked,
    rate_limited,
    server_error,
    unauthorized,
)
from billing.sandbox.stripe.http.idempotency import StoredAnswer
from billing.sandbox.stripe.http.request import AdmittedRequest, Endpoint, StripeRequest
from billing.sandbox.stripe.mode import StripeMode

API_VERSION = "2026-09-30.endive"


class StripeExchange:
    """Answers requests to endpoints, and notes each in the log."""

    def __init__(
        self,
        account: StripeAccount,
        clock: SandboxClock,
        faults: Faults,
        log: RequestLog,
    ) -> None:
        self._account = account
        self._clock = clock
        self._faults = faults
        self._log = log
        self._count = 0

    async def answer(self, http: Request, endpoint: Endpoint) -> Response:
        """Answer a request from as far away as the rules say."""
        rules = self._account.rules
        distance = Distance(rules.round_trip, rules.round_trip_spread)
        async with under_way(distance):
            return await self._answer_here(http, endpoint)

    async def _answer_here(self, http: Request, endpoint: Endpoint) -> Response:
        """Answer a request, or misbehave as the faults in force say."""
        self._count += 1
        request = await StripeRequest.read(http, endpoint, self._count)
        at = self._clock.now()
        response = await answer(
            http,
            endpoint.name,
            self._faults,
            self._clock,
            work=partial(self._work, request),
            refuse=partial(self._refuse, request),
        )
        self._log.add(
            RequestRecord(
                at=at,
                endpoint=endpoint.name,
                method=http.method,
                path=http.url.path,
                query=http.url.query,
                status=response.status_code,
                identifier=request.identifier,
                idempotency_key=request.idempotency_key,
            )
        )
        return response

    async def _work(self, request: StripeRequest) -> Response:
        now = self._clock.now()
        try:
            mode = self._account.mode(request.secret)
            with mode.lock:
                mode.limits.take(request.endpoint.name, now)
            return await self._once(mode, request, now)
        except StripeError as error:
            return self._response(request, request.refusal(error, now))

    async def _once(
        self, mode: StripeMode, request: StripeRequest, now: datetime
    ) -> Response:
        """Do the work, or replay what was answered under the same key before."""
        key = request.idempotency_key
        if key is None:
            return self._response(request, await self._outcome(mode, request, now))
        with mode.lock:
            kept = mode.answers.claim(key, request.fingerprint, now)
        if kept is not None:
            return self._response(request, kept)
        try:
            outcome = await self._outcome(mode, request, now)
            # v2 works again on what failed; v1 replays it.
            if outcome.status == 200 or not request.endpoint.v2:
                with mode.lock:
                    mode.answers.keep(key, outcome)
            return self._response(request, outcome)
        finally:
            with mode.lock:
                mode.answers.release(key)

    async def _outcome(
        self, mode: StripeMode, request: StripeRequest, now: datetime
    ) -> StoredAnswer:
        """Return the answer; an error that no key keeps is raised instead."""
        if isinstance(request.params, StripeError):
            raise request.params
        try:
            admitted = AdmittedRequest(
                mode=mode,
                params=request.params,
                name=request.name,
                now=now,
                key=request.idempotency_key,
            )
            body = request.endpoint.operation(admitted)
            if isawaitable(body):
                body = await body
        except StripeError as error:
            if error.stored:
                return request.refusal(error, now)
            raise
        return request.answer(200, body, now)

    def _refuse(self, request: StripeRequest, fault: Fault) -> Response:
        now = self._clock.now()
        match fault.kind:
            case FaultKind.STORED_500:
                return self._response(request, self._stored_500(request, now))
            case FaultKind.RATE_LIMIT:
                error = rate_limited(fault.detail or "global-rate")
            case FaultKind.LOCK_TIMEOUT:
                error = locked()
            case FaultKind.UNAUTHORIZED:
                error = unauthorized(request.secret)
            case FaultKind.FORBIDDEN:
                error = forbidden()
            case FaultKind.ERROR_503:
                error = server_error(503)
            case _:
                error = server_error()
        return self._response(request, request.refusal(error, now))

    def _stored_500(self, request: StripeRequest, now: datetime) -> StoredAnswer:
        """Keep a 500 under the request's key, unless it has an answer already."""
        failure = request.refusal(server_error(), now)
        key = request.idempotency_key
        if key is None or request.endpoint.v2:
            return failure
        try:
            mode = self._account.mode(request.secret)
            with mode.lock:
                kept = mode.answers.claim(key, request.fingerprint, now)
                if kept is None:
                    mode.answers.keep(key, failure)
                    mode.answers.release(key)
        except StripeError as error:
            return request.refusal(error, now)
        return kept or failure

    def _response(self, request: StripeRequest, stored: StoredAnswer) -> Response:
        headers = {
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "Request-Id": request.request_id,
            "Stripe-Version": API_VERSION,
            **stored.headers,
        }
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        if stored.request_id != request.request_id:
            headers["Idempotent-Replayed"] = "true"
            headers["Original-Request"] = stored.request_id
        return Response(stored.body, stored.status, headers, "application/json")
