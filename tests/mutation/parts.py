"""Which code is tried against which tests: each part of the product and its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Part:
    """Modules that belong together, and the tests that are theirs."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    # Of this share of its mutants tests have to notice.
    least: int = 95
    # Fixtures whose making runs none of the part's code: made once for all mutants.
    made_once: tuple[str, ...] = ()


# Tests that measure memory: they take long, and say nothing that others do not.
MEASURING = (
    "test_a_stream_of_rows_takes_the_memory_of_a_few",
    "test_a_digest_is_read_in_flat_memory",
)
# The words of all closed lists that are written down.
WORDS = "tests/domain/test_words.py"

PLANTED = Part(
    "planted",
    ("tests/mutation/planted/tariff.py",),
    ("tests/mutation/planted/test_tariff.py",),
    least=0,
)

PARTS = (
    Part(
        "rating",
        ("billing/domain/rating.py", "billing/domain/rounding_rule.py"),
        ("tests/domain/test_rating.py", "tests/domain/test_rounding_rule.py", WORDS),
    ),
    Part("money", ("billing/domain/money.py",), ("tests/domain/test_money.py",)),
    Part(
        "periods",
        ("billing/domain/period.py", "billing/domain/cycle_schedule.py"),
        ("tests/domain/test_period.py", "tests/domain/test_cycle_schedule.py", WORDS),
    ),
    Part(
        "identifiers",
        ("billing/domain/meter_event.py", "billing/domain/staging.py"),
        ("tests/domain/test_meter_event.py", "tests/domain/test_staging.py", WORDS),
    ),
    Part(
        "retries",
        (
            "billing/domain/retry_schedule.py",
            "billing/domain/settlement.py",
            "billing/domain/summary_lag.py",
            "billing/domain/rereading.py",
            "billing/domain/cancellation.py",
            "billing/domain/deadlines.py",
        ),
        (
            "tests/domain/test_retry_schedule.py",
            "tests/domain/test_settlement.py",
            "tests/domain/test_summary_lag.py",
            "tests/domain/test_rereading.py",
            "tests/domain/test_cancellation.py",
            "tests/domain/test_deadlines.py",
            WORDS,
        ),
    ),
    Part(
        "adjustments",
        ("billing/domain/posting.py",),
        ("tests/domain/test_posting.py", WORDS),
    ),
    Part(
        "outbox",
        (
            "billing/domain/event_invariants.py",
            "billing/ledger/sync/attempts.py",
            "billing/ledger/sync/event_rows.py",
            "billing/ledger/sync/outbox.py",
        ),
        ("tests/ledger/sync", "tests/domain/test_event_invariants.py"),
        made_once=("sqlite_template",),
    ),
    Part(
        "close",
        (
            "billing/domain/close_obstacles.py",
            "billing/ledger/close/period_close.py",
            "billing/ledger/close/readiness.py",
            "billing/ledger/schema/closed_months.py",
            "billing/pipeline/close.py",
        ),
        (
            "tests/domain/test_close_obstacles.py",
            "tests/ledger/close",
            "tests/pipeline/close",
            WORDS,
        ),
        made_once=("sqlite_template",),
    ),
    Part(
        "webhooks",
        (
            "client/pamela/_signatures.py",
            "client/pamela/_webhook_events.py",
            "client/pamela/webhooks.py",
        ),
        ("tests/client/test_signatures.py", "tests/client/test_webhook_events.py"),
    ),
    Part(
        "csv",
        ("billing/reports/sheets/csv_file.py",),
        ("tests/reports/sheets/test_csv_file.py",),
    ),
    Part(
        "signatures",
        ("billing/verifier/ed25519.py",),
        ("tests/verifier/test_ed25519.py",),
    ),
    Part(
        "proof",
        (
            "billing/verifier/chain.py",
            "billing/verifier/covers.py",
            "billing/verifier/entries.py",
            "billing/verifier/keys.py",
            "billing/verifier/states.py",
        ),
        (
            "tests/verifier/test_chain.py",
            "tests/verifier/test_covers.py",
            "tests/verifier/test_decisions.py",
            "tests/verifier/test_entries.py",
            "tests/verifier/test_keys.py",
            "tests/verifier/test_openings.py",
            "tests/verifier/test_rules.py",
            "tests/verifier/test_states.py",
        ),
    ),
    Part(
        "trail",
        (
            "billing/ledger/audit/canonical_json.py",
            "billing/ledger/audit/row_digests.py",
            "billing/ledger/audit/row_lines.py",
            "billing/ledger/audit/sealing.py",
        ),
        ("tests/ledger/audit",),
        made_once=("sqlite_template",),
    ),
    # Where the product meets other clocks, other modes and lost answers.
    Part(
        "borders",
        (
            "billing/gateways/clocks.py",
            "billing/gateways/stripe/error_reports.py",
            "billing/pipeline/sync/error_reports.py",
            "billing/pipeline/monotonic_time.py",
            "billing/pipeline/sync/preflight.py",
            "billing/pipeline/sync/settle.py",
        ),
        (
            "tests/gateways/test_clocks.py",
            "tests/gateways/stripe/test_error_reports.py",
            "tests/gateways/stripe/test_report_bounds.py",
            "tests/pipeline/sync",
        ),
        least=80,
        made_once=("sqlite_template",),
    ),
)

LAYERS = ("domain", "pipeline", "gateways", "verifier")


def rest() -> Iterator[Part]:
    """Give what of four layers is in no other part, each with its folder of tests."""
    taken = {module for part in PARTS for module in part.modules}
    for layer in LAYERS:
        files = sorted((ROOT / "billing" / layer).rglob("*.py"))
        modules = [str(file.relative_to(ROOT)) for file in files]
        yield Part(
            f"rest of {layer}",
            tuple(module for module in modules if module not in taken),
            (f"tests/{layer}",),
            least=80,
            made_once=("bundles",) if layer == "verifier" else ("sqlite_template",),
        )


def mutants_in(part: Part) -> list[Mutant]:
    """Return all mutants of a part."""
    return [
        mutant
        for module in part.modules
        for mutant in mutants_of(module, (ROOT / module).read_text(encoding="utf-8"))
    ]
