"""Types: a user's program is checked strictly, and its mistakes are found."""

from pathlib import Path

from mypy import api

GOOD = """
import asyncio
from datetime import UTC, datetime

from pamela import (
    AsyncPamelaClient,
    CallCompleted,
    CallStatusResponse,
    Pamela,
    PamelaClient,
    PamelaError,
    RateLimitError,
    RetryPolicy,
    ToolRouter,
    ToolWebhookParsed,
    create_tool_handler,
    parse_webhook_event,
    verify_webhook_signature,
)

router = ToolRouter()


@router.tool("look_up", "Looks up.", input_schema={"type": "object"})
def look_up(asked: ToolWebhookParsed) -> str:
    return asked["call_id"]


endpoint = create_tool_handler(["whsec_a", "whsec_b"])(router)


def main(body: bytes) -> None:
    with PamelaClient("pk_live_1", retries=RetryPolicy(attempts=2)) as client:
        call = client.create_call(
            "+15550100", "Hello.", metadata={"a": [1]}, tools=router.definitions()
        )
        print(call["id"], client.get_call(call["id"])["status"])
        minutes: int = client.usage.get("2026-03")["billed_minutes"]
        calls: list[CallStatusResponse] = list(client.iter_calls(parallel=4))
        page = client.list_calls("failed", limit=10)
        tool = client.register_tool("t", "d", {}, timeout_seconds=3)["tool_id"]
        key: str = client.partner.api_keys.create(user_token="u").key
        if client.partner.subscription.access(datetime.now(UTC)).allowed:
            print(minutes, len(calls), page["items"][0]["id"], tool, key)
    event = parse_webhook_event(body)
    if isinstance(event, CallCompleted):
        print(event.transcript, verify_webhook_signature(body, None, "whsec_a"))


async def amain() -> None:
    async with AsyncPamelaClient("pk_live_1", retries=None) as client:
        call = await client.create_call("+15550100", "Hello.")
        async for found in client.iter_calls(status="failed"):
            print(found["id"], call["id"])
        print((await client.usage.get())["call_count"])


try:
    asyncio.run(amain())
except RateLimitError as error:
    print(error.retry_after, error.request_id, error.headers)
except PamelaError as error:
    print(error.error_code, error.details, error.status_code)
again: type[PamelaClient] = Pamela
"""
OPENING = "from pamela import AsyncPamelaClient, PamelaClient, RetryPolicy\n"
BAD = [
    "PamelaClient()",
    "PamelaClient(7)",
    "PamelaClient('k', retries=3)",
    "PamelaClient('k').create_call('+15550100')",
    "PamelaClient('k').create_call('+15550100', 'x', voice=1)",
    "PamelaClient('k').get_call('a')['no_field']",
    "PamelaClient('k').get_call(7)",
    "PamelaClient('k').iter_calls(limit=7)",
    "PamelaClient('k').no_method()",
    "AsyncPamelaClient('k').get_call('a')['id']",
    "RetryPolicy(tries=3)",
]


def test_a_user_s_program_is_checked_strictly_and_each_mistake_is_found(
    tmp_path: Path,
) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(OPENING + "\n".join(BAD))
    strict = ["--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    report, faults, _ = api.run([*strict, *map(str, tmp_path.glob("*.py"))])
    assert not faults
    errors = [line.split(":") for line in report.splitlines() if " error: " in line]
    assert {Path(path).name for path, *_ in errors} == {"bad.py"}, report
    lines = [int(line) for _, line, *_ in errors]
    assert lines == list(range(2, 2 + len(BAD))), report
