"""Metadata: kept for the keys that were asked for, erased for good, audited."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.call_metadata import MetadataRule
from billing.errors import BadInput
from billing.ledger.audit.audit_log import Actor
from billing.pipeline.pull.metadata_retention import (
    ErasurePart,
    erase_metadata,
    expire_metadata,
)
from tests.pipeline.bench import NOON, Bench, call

DAY = timedelta(days=1)


def said(campaign: object, **more: object) -> dict[str, Any]:
    """Return the metadata of a call."""
    return {"metadata": {"campaign": campaign, "patient": "Ada", **more}}


@pytest.fixture
def keeping(bench: Bench) -> Bench:
    """Give a bench whose settings keep one key."""
    bench.book = replace(bench.book, metadata=MetadataRule(("campaign",)))
    bench.source.calls += [
        call("call_1", **said("spring")),
        call("call_2", NOON - 5 * DAY, **said("autumn", customer="globex")),
        call("call_3", **said("+15550100123")),
        call("call_4", **said(["x"])),
        call("failed", started_at=None, status="failed", **said("spring")),
    ]
    return bench


def kept(bench: Bench) -> dict[str, object]:
    found = bench.rows("SELECT call_id, value FROM call_metadata ORDER BY call_id")
    return {str(call_id): value for call_id, value in found}


def audited(bench: Bench) -> list[tuple[str, dict[str, object]]]:
    """Return who erased what, as the audit trail tells it."""
    query = (
        "SELECT actor, reason, detail FROM audit_event "
        "WHERE action = 'metadata.erased' "
        "ORDER BY id"
    )
    return [
        (str(who), {"reason": why, **json.loads(str(what))})
        for who, why, what in bench.rows(query)
    ]


def erase(bench: Bench, *part: object, why: str = "asked to") -> int:
    values = ErasurePart("campaign", *part)  # type: ignore[arg-type] # cases of a table
    return erase_metadata(bench.ledger, "ada", bench.clock.now(), values, why)


def test_only_the_keys_in_the_settings_are_kept_of_billed_calls(keeping: Bench) -> None:
    found = keeping.pull()
    assert kept(keeping) == {"call_1": "spring", "call_2": "autumn"}
    assert found.withheld == {"could_be_phone": 1, "unusable": 1}
    query = "SELECT detail FROM audit_event WHERE action = 'calls.recorded'"
    told = [json.loads(str(detail)) for (detail,) in keeping.rows(query)]
    assert sum(one["metadata_withheld"] for one in told) == 2


def test_nothing_is_kept_unless_the_settings_ask(bench: Bench) -> None:
    bench.source.calls.append(call("call_1", **said("spring")))
    assert bench.pull().withheld == {}
    assert kept(bench) == {}


def test_what_a_call_says_does_not_touch_what_is_billed(keeping: Bench) -> None:
    keeping.pull()
    keeping.source.calls[0]["metadata"] = {"campaign": "summer"}
    keeping.source.calls[1]["metadata"] = {"customer": "globex"}
    keeping.pull()
    assert kept(keeping) == {"call_1": "summer"}
    assert keeping.rows("SELECT max(revision) FROM call") == [(1,)]


@pytest.mark.parametrize(
    ("part", "left"),
    [
        ((), {"call_1": None, "call_2": None}),
        (("globex",), {"call_1": "spring", "call_2": None}),
        ((None, "call_1"), {"call_1": None, "call_2": "autumn"}),
        ((None, None, 4 * DAY), {"call_1": "spring", "call_2": None}),
    ],
)
def test_what_is_erased_is_gone_and_no_pull_brings_it_back(
    keeping: Bench, part: tuple[object, ...], left: dict[str, object]
) -> None:
    keeping.pull()
    count = list(left.values()).count(None)
    assert erase(keeping, *part) == count
    assert kept(keeping) == left
    keeping.pull()
    assert kept(keeping) == left
    [(who, detail)] = audited(keeping)
    assert who == "ada"
    assert (detail["erased"], detail["reason"]) == (count, "asked to")
    assert not {"spring", "autumn"} & set(map(str, detail.values()))


def test_an_erasure_that_finds_nothing_is_no_event(keeping: Bench) -> None:
    keeping.pull()
    assert erase(keeping, "acme", None, None) == 1
    assert erase(keeping, "acme", None, None) == 0
    assert len(audited(keeping)) == 1


@pytest.mark.parametrize(
    ("part", "why", "words"),
    [
        ((), " ", "say why it is erased"),
        (
            ("initech",),
            "x",
            "no customer initech; the ledger knows acme, globex",
        ),
    ],
)
def test_an_erasure_without_reason_or_of_nobody_is_refused(
    keeping: Bench, part: tuple[object, ...], why: str, words: str
) -> None:
    keeping.pull()
    with pytest.raises(BadInput, match=words):
        erase(keeping, *part, why=why)
    with pytest.raises(BadInput, match=r"no value of name is kept; .*: campaign"):
        erase_metadata(keeping.ledger, "ada", NOON, ErasurePart("name"), "x")


def test_what_is_older_than_the_retention_is_erased(keeping: Bench) -> None:
    keeping.pull()
    daemon = Actor("daemon", keeping.clock.now())
    assert expire_metadata(keeping.ledger, daemon, 5) == 1
    assert expire_metadata(keeping.ledger, daemon, 5) == 0
    assert kept(keeping) == {"call_1": "spring", "call_2": None}
    [(who, detail)] = audited(keeping)
    assert (who, detail["reason"]) == ("daemon", "kept for 5 days")


def test_what_is_erased_is_in_no_byte_of_the_file(keeping: Bench) -> None:
    file = keeping.ledger.file
    if file is None:
        pytest.skip("a server keeps its own files")
    keeping.source.calls[0]["metadata"] = {"campaign": "canary"}
    keeping.pull()
    keeping.ledger.empty_log()
    assert b"canary" in file.read_bytes()
    assert erase(keeping) == 2
    log = file.with_name(f"{file.name}-wal")
    assert b"canary" not in file.read_bytes() + log.read_bytes()


def test_a_customer_that_is_a_phone_number_is_quarantined_unnamed(
    keeping: Bench,
) -> None:
    keeping.source.calls = [call("call_5", **said("x", customer="+15550100123"))]
    assert keeping.pull().quarantined == {"unknown_customer": 1}
    [(detail,)] = keeping.rows("SELECT detail FROM quarantine")
    assert "555" not in str(detail)
