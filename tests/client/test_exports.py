"""Exports: the public names are exactly these."""

import subprocess
import sys
from importlib.resources import files

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
OURS = {
    "PamelaConnectionError",
    "PamelaTimeoutError",
    "InvalidResponse",
    "IncompleteResponse",
    "ResponseTooLarge",
    "RedirectRefused",
    "__version__",
}


def test_the_public_names_are_exactly_these() -> None:
    assert set(pamela.__all__) - WEBHOOKS == OFFICIAL | OURS
    assert len(pamela.__all__) == len(set(pamela.__all__))
    assert all(hasattr(pamela, name) for name in pamela.__all__)


def test_pamela_is_another_name_of_the_client() -> None:
    assert pamela.Pamela is pamela.PamelaClient


def test_the_package_says_that_it_is_typed() -> None:
    assert files("pamela").joinpath("py.typed").is_file()


def test_the_client_knows_nothing_of_billing() -> None:
    foreign = "{'billing', 'stripe', 'sqlalchemy', 'pydantic', 'requests'}"
    program = f"import sys, pamela; print({foreign} & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert run.stdout.strip() == "set()"
