"""Methods made of endpoints: their arguments and their words, blocking or async."""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar, get_args

from pamela._pages import CallPages
from pamela._requests import Request
from pamela.types import CallStatusResponse

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])

SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)


def blocking(
    endpoint: Callable[P, Request[T]],
) -> Callable[Concatenate[Any, P], T]:
    """Make the method that sends an endpoint's request and returns the answer."""

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        answer: T = self._send(endpoint(*args, **kwargs))
        return answer

    return _with_signature_of(endpoint, method)


def awaiting(
    endpoint: Callable[P, Request[T]],
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """Make the method that sends an endpoint's request and awaits the answer."""

    async def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        answer: T = await self._send(endpoint(*args, **kwargs))
        return answer

    return _with_signature_of(endpoint, method)


def walking(
    pages: Callable[P, CallPages],
) -> Callable[Concatenate[Any, P], Iterator[CallStatusResponse]]:
    """Make the method that goes through pages, blocking."""

    def method(
        self: Any, /, *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[CallStatusResponse]:
        calls: Iterator[CallStatusResponse] = self._walk(pages(*args, **kwargs))
        return calls

    return _with_signature_of(pages, method)


def walking_async(
    pages: Callable[P, CallPages],
) -> Callable[Concatenate[Any, P], AsyncIterator[CallStatusResponse]]:
    """Make the method that goes through pages on an event loop."""

    def method(
        self: Any, /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[CallStatusResponse]:
        calls: AsyncIterator[CallStatusResponse] = self._walk(pages(*args, **kwargs))
        return calls

    return _with_signature_of(pages, method)


def _with_signature_of(endpoint: Callable[..., object], method: F) -> F:
    signature = inspect.signature(endpoint)
    promised = get_args(signature.return_annotation)
    method.__name__ = endpoint.__name__
    method.__doc__ = endpoint.__doc__
    method.__signature__ = signature.replace(  # type: ignore[attr-defined] # functions take any attribute
        parameters=[SELF, *signature.parameters.values()],
        return_annotation=promised[0] if promised else method.__annotations__["return"],
    )
    return method
