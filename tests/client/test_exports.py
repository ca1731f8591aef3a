"""Exports: the public names are exactly these."""

import inspect
import subprocess
import sys
from importlib import import_module
from importlib.resources import files

import pytest

import pamela

OFFICIAL = {
    "PamelaClient",
    "Pamela",
    "UsageClient",
    "CallResponse",
    "CallStatusResponse",
    "CallListResponse",
    "ToolDefinition",
    "ToolRegistration",
    "ToolDeleteResponse",
    "UsageQuota",
    "UsageResponse",
    "ToolWebhookParsed",
    "WebhookDelivery",
    "PamelaError",
    "AuthenticationError",
    "SubscriptionError",
    "RateLimitError",
    "ValidationError",
    "CallError",
}
WEBHOOKS = {"verify_webhook_signature", "create_tool_handler", "parse_tool_webhook"}
CLIENTS = {"AsyncPamelaClient", "AsyncUsageClient", "RetryPolicy"}
PARTNER = {
    "Access",
    "AccessState",
    "ApiKey",
    "NewApiKey",
    "SubscriptionResponse",
    "SubscriptionSession",
    "read_access",
    "refused_access",
}
EVENTS = {
    "CallCompleted",
    "CallFailed",
    "CallQueued",
    "CallStarted",
    "CallTranscriptUpdated",
    "WebhookEvent",
    "parse_webhook_event",
}
OURS = {
    "ListMoved",
    "PackageConflictWarning",
    "PageWalk",
    "ToolRouter",
    "PamelaConnectionError",
    "PamelaTimeoutError",
    "InvalidResponse",
    "IncompleteResponse",
    "ResponseTooLarge",
    "RedirectRefused",
    "__version__",
}


def test_the_public_names_are_exactly_these() -> None:
    ours = CLIENTS | PARTNER | EVENTS | OURS
    assert set(pamela.__all__) == OFFICIAL | WEBHOOKS | ours
    assert len(pamela.__all__) == len(set(pamela.__all__))
    assert all(hasattr(pamela, name) for name in pamela.__all__)
    assert set(pamela.__all__) <= set(dir(pamela))
    assert not hasattr(pamela, "NoSuchName")


@pytest.mark.parametrize("module", ["client", "exceptions", "types", "webhooks"])
def test_the_official_modules_have_their_names_here(module: str) -> None:
    ours = import_module(f"pamela.{module}")
    assert {name for name in OFFICIAL | WEBHOOKS if hasattr(ours, name)}
    assert all(
        getattr(ours, name) is getattr(pamela, name)
        for name in pamela.__all__
        if hasattr(ours, name)
    )


def test_importing_loads_neither_the_transport_nor_anything_slow() -> None:
    slow = {"httpx2", "httpcore2", "tenacity", "asyncio", "email", "jsonschema", "ssl"}
    program = f"import sys, pamela; print({slow} & set(sys.modules))"
    assert run(program) == "set()"
    used = "from pamela import PamelaClient, PamelaError, verify_webhook_signature"
    assert run(f"{used}; import sys; print({slow} & set(sys.modules))") == "set()"


@pytest.mark.parametrize(
    "method",
    ["create_call", "get_call", "list_calls", "iter_calls", "register_tool", "close"],
)
def test_both_clients_have_the_same_methods_with_the_same_arguments(
    method: str,
) -> None:
    blocking = inspect.signature(getattr(pamela.PamelaClient, method))
    awaited = inspect.signature(getattr(pamela.AsyncPamelaClient, method))
    assert blocking.parameters == awaited.parameters
    assert next(iter(blocking.parameters)) == "self"


def test_every_method_of_one_client_is_one_of_the_other() -> None:
    def public(client: type) -> set[str]:
        return {name for name in dir(client) if not name.startswith("_")}

    assert public(pamela.PamelaClient) == public(pamela.AsyncPamelaClient)


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()


def test_pamela_is_another_name_of_the_client() -> None:
    assert pamela.Pamela is pamela.PamelaClient


def test_the_package_says_that_it_is_typed() -> None:
    assert files("pamela").joinpath("py.typed").is_file()


def test_the_client_knows_nothing_of_billing() -> None:
    foreign = "{'billing', 'stripe', 'sqlalchemy', 'pydantic', 'requests'}"
    program = f"import sys, pamela; print({foreign} & set(sys.modules))"
    assert run(program) == "set()"
