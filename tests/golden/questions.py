"""Questions: what is asked of a ledger once something has happened, in every form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.golden.desk import Desk

KEYS = ("customer", "account", "day", "hour", "metadata:campaign")
TARGETS = ("general", "quickbooks", "xero", "netsuite")
WHAT_IF = ("--step", "6", "--least", "0", "--price", "0.12")


@dataclass(frozen=True)
class Subject:
    """Which months, customers and calls are asked about."""

    months: Sequence[str]
    customers: Sequence[str]
    calls: Sequence[str]


def ask_all(desk: Desk, subject: Subject, *, shown: bool) -> None:
    """Ask everything there is to ask, and write every file there is to write."""
    for words in questions(subject):
        desk(*words, shown=shown)
    for words in texts(subject):
        desk.write(*words)
    (desk.work / "out").mkdir(exist_ok=True)
    for words in papers(subject):
        desk.write(*words)
    for month in subject.months:
        bundle = f"out/audit-{month}.zip"
        desk("export", "audit", month, "--output", bundle)
        desk("verify", bundle, shown=shown)
        desk("verify", bundle, "--key", "0" * 64)
        desk(
            "verify", bundle, "--consistent-with", f"out/audit-{subject.months[0]}.zip"
        )
        desk.keep_proof(bundle)
        for call in subject.calls[:2]:
            desk("verify", bundle, "--call", call)


def questions(subject: Subject) -> Iterator[list[str]]:
    """Give commands that answer in JSON, and as tables."""
    yield ["status"]
    yield ["breaks"]
    yield ["breaks", "--all"]
    for month in subject.months:
        yield ["breaks", month, "--all"]
        yield ["close", month, "--dry-run"]
        yield from (["report", "usage", month, "--by", key] for key in KEYS)
        yield from (["report", "statement", month, who] for who in subject.customers)
        yield ["report", "rounding", month]
        yield ["report", "what-if", month, *WHAT_IF]
        yield ["report", "reconciliation", month]
        yield ["report", "focus", month]
        yield ["report", "journal", month]
    yield ["report", "usage"]
    yield ["report", "journal", *subject.months]
    yield from (["explain", call] for call in subject.calls)
    yield ["audit", "trail", "--last", "5000"]
    yield ["audit", "trail", "--action", "pull"]
    yield ["audit", "heads"]
    yield ["db", "check"]
    yield ["db", "verify"]


def texts(subject: Subject) -> Iterator[list[str]]:
    """Give commands that print a file's text."""
    for month in subject.months:
        yield ["report", "usage", month, "--csv"]
        yield ["report", "statement", month, subject.customers[0], "--csv"]
        yield ["report", "rounding", month, "--csv"]
        yield ["report", "what-if", month, *WHAT_IF, "--calls", "--csv"]
        yield ["report", "reconciliation", month, "--csv"]
        yield ["report", "focus", month, "--csv"]
        yield ["report", "journal", month, "--format", "hledger"]


def papers(subject: Subject) -> Iterator[list[str]]:
    """Give commands that write files."""
    for month in subject.months:
        for form in ("csv", "xlsx", "parquet", "json"):
            for name in ("usage", "rounding", "what-if", "reconciliation", "focus"):
                more = ["--calls"] if name == "what-if" and form != "json" else []
                yield _paper(["report", name, month, *more], f"{name}-{month}.{form}")
        for form in ("csv", "xlsx", "parquet"):
            yield _paper(
                ["export", "usage", month, "--format", form], f"export-{month}.{form}"
            )
        for form in ("pdf", "csv", "xlsx", "parquet", "json"):
            who = subject.customers[0]
            line = ["report", "statement", month, who]
            yield _paper(line, f"statement-{month}.{form}")
        folder = f"statements-{month}"
        yield _paper(["report", "statement", month, "--all"], folder)
    for form in ("beancount", "journal", "xlsx", "json"):
        yield _paper(["report", "journal", *subject.months], f"books.{form}")
    for target in TARGETS:
        line = ["report", "journal", *subject.months, "--format", "csv"]
        named = ["--account", "receivable=610", "--account", "revenue=200"]
        yield _paper([*line, "--target", target, *named], f"{target}.csv")


def _paper(line: list[str], name: str) -> list[str]:
    return [*line, "--output", f"out/{name}"]
