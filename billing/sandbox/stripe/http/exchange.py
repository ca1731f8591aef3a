"""One request to the Stripe stand-in and its answer: key, limits, replay, faults."""

from datetime import datetime
from email.utils import format_datetime
from functools import partial
from inspect import isawaitable

from fastapi import Request, Response

from billing.sandbox.clock import SandboxClock
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
from billing.sandbox.stripe.http.request import Endpoint, StripeCall, StripeQuestion
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
        self._numbered = 0

    async def answer(self, request: Request, endpoint: Endpoint) -> Response:
        """Answer a request, or misbehave as the faults in force say."""
        self._numbered += 1
        asked = await StripeQuestion.read(request, endpoint, self._numbered)
        at = self._clock.now()
        response = await answer(
            request,
            endpoint.name,
            self._faults,
            self._clock,
            work=partial(self._work, asked),
            refuse=partial(self._refuse, asked),
        )
        self._log.add(
            RequestRecord(
                at=at,
                endpoint=endpoint.name,
                method=request.method,
                path=request.url.path,
                query=request.url.query,
                status=response.status_code,
                identifier=asked.identifier,
                idempotency_key=asked.idempotency_key,
            )
        )
        return response

    async def _work(self, asked: StripeQuestion) -> Response:
        now = self._clock.now()
        try:
            books = self._account.books(asked.secret)
            with books.lock:
                books.limits.take(asked.endpoint.name, now)
            return await self._once(books, asked, now)
        except StripeError as error:
            return self._response(asked, asked.refusal(error, now))

    async def _once(
        self, books: StripeMode, asked: StripeQuestion, now: datetime
    ) -> Response:
        """Do the work, or replay what was answered under the same key before."""
        key = asked.idempotency_key
        if key is None:
            return self._response(asked, await self._outcome(books, asked, now))
        with books.lock:
            kept = books.answers.claim(key, asked.fingerprint, now)
        if kept is not None:
            return self._response(asked, kept)
        try:
            outcome = await self._outcome(books, asked, now)
            # v2 works again on what failed; v1 replays it.
            if outcome.status == 200 or not asked.endpoint.v2:
                with books.lock:
                    books.answers.keep(key, outcome)
            return self._response(asked, outcome)
        finally:
            with books.lock:
                books.answers.release(key)

    async def _outcome(
        self, books: StripeMode, asked: StripeQuestion, now: datetime
    ) -> StoredAnswer:
        """Return the answer; an error that no key keeps is raised instead."""
        if isinstance(asked.params, StripeError):
            raise asked.params
        try:
            call = StripeCall(
                books=books,
                params=asked.params,
                name=asked.name,
                now=now,
                key=asked.idempotency_key,
            )
            body = asked.endpoint.operation(call)
            if isawaitable(body):
                body = await body
        except StripeError as error:
            if error.stored:
                return asked.refusal(error, now)
            raise
        return asked.answer(200, body, now)

    def _refuse(self, asked: StripeQuestion, fault: Fault) -> Response:
        now = self._clock.now()
        match fault.kind:
            case FaultKind.STORED_500:
                return self._response(asked, self._stored_500(asked, now))
            case FaultKind.RATE_LIMIT:
                error = rate_limited(fault.detail or "global-rate")
            case FaultKind.LOCK_TIMEOUT:
                error = locked()
            case FaultKind.UNAUTHORIZED:
                error = unauthorized(asked.secret)
            case FaultKind.FORBIDDEN:
                error = forbidden()
            case FaultKind.ERROR_503:
                error = server_error(503)
            case _:
                error = server_error()
        return self._response(asked, asked.refusal(error, now))

    def _stored_500(self, asked: StripeQuestion, now: datetime) -> StoredAnswer:
        """Keep a 500 under the request's key, unless it has an answer already."""
        failure = asked.refusal(server_error(), now)
        key = asked.idempotency_key
        if key is None or asked.endpoint.v2:
            return failure
        try:
            books = self._account.books(asked.secret)
            with books.lock:
                kept = books.answers.claim(key, asked.fingerprint, now)
                if kept is None:
                    books.answers.keep(key, failure)
                    books.answers.release(key)
        except StripeError as error:
            return asked.refusal(error, now)
        return kept or failure

    def _response(self, asked: StripeQuestion, stored: StoredAnswer) -> Response:
        headers = {
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "Request-Id": asked.request_id,
            "Stripe-Version": API_VERSION,
            **stored.headers,
        }
        if asked.idempotency_key is not None:
            headers["Idempotency-Key"] = asked.idempotency_key
        if stored.request_id != asked.request_id:
            headers["Idempotent-Replayed"] = "true"
            headers["Original-Request"] = stored.request_id
        return Response(stored.body, stored.status, headers, "application/json")
