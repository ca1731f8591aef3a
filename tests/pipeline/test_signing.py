"""Heads: signed when there is news, chained, and published where they are missing."""

import json

import pytest

from billing.domain.signed_head import NONE_BEFORE, Head, endorsement
from billing.errors import AnchorFault, SigningFault
from billing.ledger.audit import signed_heads
from billing.ledger.audit.audit_log import Actor
from billing.pipeline.signing import TrailOptions, rotate_key, sign_head, sign_news
from billing.reports.audit.live_ledger import verify_ledger
from billing.reports.status.audit_trail import read_heads
from billing.verifier.ed25519 import is_signed
from billing.verifier.findings import BadRecord
from tests.ledger.integrity.sound_ledger import damage, disarm
from tests.pipeline.bench import Bench, call
from tests.pipeline.witnesses import Board, Recollection
from tests.verifier.signing import TestKey

KEY, OTHER = TestKey(1), TestKey(2)
COUNT = "SELECT count(*) FROM audit_event"
KEYS = "SELECT actor, detail FROM audit_event WHERE action LIKE 'key.%' ORDER BY id"


def sign(bench: Bench, *anchors: Board, key: TestKey | None = KEY) -> list[AnchorFault]:
    """Sign what is new and publish it."""
    terms = TrailOptions(key, anchors, Recollection())
    return sign_news(bench.ledger, terms, "tests", bench.clock)


def newest(bench: Bench) -> Head:
    with bench.ledger.reading() as connection:
        signed = signed_heads.newest_head(connection)
    assert signed is not None
    assert is_signed(KEY.public_key, signed.head.line(), bytes.fromhex(signed[1]))
    return signed.head


def rotate(bench: Bench, old: TestKey, new: TestKey) -> str:
    actor = Actor("alice", bench.clock.now())
    return rotate_key(bench.ledger, old, new, actor, "alice left")


def test_a_head_is_signed_only_when_there_is_news(either_bench: Bench) -> None:
    bench, board = either_bench, Board()
    for _ in range(3):
        assert sign(bench, board) == []
    assert board.numbers == [1]
    bench.take(call("call_1"))
    for _ in range(3):
        assert sign(bench, board) == []
    assert board.numbers == [1, 2]
    assert bench.rows("SELECT count(*) FROM audit_head") == [(2,)]


def test_the_first_key_is_in_the_chain_before_it_signs(bench: Bench) -> None:
    sign(bench)
    [(actor, detail)] = bench.rows(KEYS)
    public = {"key": KEY.fingerprint, "public_key": KEY.public_key.hex()}
    assert (actor, json.loads(detail)) == ("tests", public)
    [(events,)] = bench.rows(COUNT)
    assert (newest(bench).event, newest(bench).key) == (events, KEY.fingerprint)


def test_each_head_holds_the_digest_of_the_one_before(bench: Bench) -> None:
    sign(bench)
    first = newest(bench)
    bench.take(call("call_1"))
    sign(bench)
    second = newest(bench)
    assert (first.number, first.previous) == (1, NONE_BEFORE)
    assert (second.number, second.previous) == (2, first.digest())
    assert second.event > first.event


def test_without_a_key_nobody_signs_and_nothing_stops(bench: Bench) -> None:
    board = Board()
    assert sign(bench, board, key=None) == []
    assert (board.heads, bench.rows(KEYS)) == ([], [])


def test_another_key_than_the_one_in_force_signs_nothing(bench: Bench) -> None:
    sign(bench)
    for name in ("call_1", "call_2"):
        before = bench.rows(COUNT)
        with pytest.raises(SigningFault, match=f"in force is {KEY.fingerprint}"):
            sign(bench, key=OTHER)
        assert (newest(bench).number, bench.rows(COUNT)) == (1, before)
        bench.take(call(name))


def test_an_anchor_out_of_reach_is_shown_and_blocks_nothing(
    either_bench: Bench,
) -> None:
    bench, near, far = either_bench, Board("near"), Board("far", down=True)
    [fault] = sign(bench, far, near)
    assert str(fault) == "the anchor far: nobody answers"
    assert (near.numbers, far.numbers) == ([1], [])
    standing = read_heads(bench.ledger)
    shown = [(one.anchor, one.head, one.error) for one in standing.anchors]
    assert shown == [("far", None, str(fault)), ("near", 1, None)]
    assert standing.failing


def test_an_anchor_that_failed_is_given_the_head_without_other_news(
    bench: Bench,
) -> None:
    near, far = Board("near"), Board("far", down=True)
    sign(bench, far, near)
    assert len(sign(bench, far, near)) == 1
    far.down = False
    assert sign(bench, far, near) == []
    assert (near.numbers, far.numbers) == ([1], [1])
    assert not read_heads(bench.ledger).failing


def test_a_new_anchor_is_given_the_newest_head(bench: Bench) -> None:
    old, new = Board("old"), Board("new")
    sign(bench, old)
    bench.take(call("call_1"))
    sign(bench, old)
    sign(bench, old, new)
    assert (old.numbers, new.numbers) == ([1, 2], [2])
    assert new.heads == old.heads[1:]


def test_a_new_key_is_endorsed_by_the_old_one_and_signs_from_there_on(
    either_bench: Bench,
) -> None:
    bench = either_bench
    bench.take(call("call_1"))
    sign(bench)
    assert rotate(bench, KEY, OTHER) == OTHER.fingerprint
    [_, (actor, text)] = bench.rows(KEYS)
    detail = json.loads(text)
    assert (actor, detail["old"]) == ("alice", KEY.fingerprint)
    handed_over = endorsement(OTHER.public_key, KEY.fingerprint)
    endorsed = bytes.fromhex(detail["endorsement"])
    assert is_signed(KEY.public_key, handed_over, endorsed)
    with pytest.raises(SigningFault):
        sign(bench)
    sign(bench, key=OTHER)
    chain = verify_ledger(bench.ledger).chain
    assert chain["heads"] == 2
    assert read_heads(bench.ledger).key == OTHER.fingerprint


def test_only_the_key_in_force_can_hand_over(bench: Bench) -> None:
    sign(bench)
    with pytest.raises(SigningFault, match="put the right file back"):
        rotate(bench, OTHER, TestKey(3))
    assert len(bench.rows(KEYS)) == 1


def test_nothing_is_signed_twice(bench: Bench) -> None:
    actor = Actor("tests", bench.clock.now())
    assert sign_head(bench.ledger, KEY, actor) is not None
    assert sign_head(bench.ledger, KEY, actor) is None


class Dying(TestKey):
    """A key in a process that is killed as it signs."""

    def sign(self, message: bytes) -> bytes:
        raise KeyboardInterrupt


def test_a_key_that_is_registered_has_signed(bench: Bench) -> None:
    actor = Actor("tests", bench.clock.now())
    with pytest.raises(KeyboardInterrupt):
        sign_head(bench.ledger, Dying(1), actor)
    assert bench.rows(KEYS) == []
    signed = sign_head(bench.ledger, KEY, actor)
    assert signed is not None
    assert bench.rows("SELECT max(id) FROM audit_event") == [(signed.head.event,)]
    verify_ledger(bench.ledger)


def test_heads_that_are_all_gone_are_not_begun_anew_in_silence(
    either_bench: Bench,
) -> None:
    bench = either_bench
    sign(bench)
    disarm(bench.ledger)
    damage(bench.ledger, "DELETE FROM audit_head")
    for _ in range(2):
        with pytest.raises(SigningFault, match="audit sign"):
            sign(bench)
        with pytest.raises(BadRecord, match="no signed head is there"):
            verify_ledger(bench.ledger)
    terms = TrailOptions(KEY, [], Recollection())
    sign_news(bench.ledger, terms, "alice", bench.clock, anew=True)
    verify_ledger(bench.ledger)
    told = "SELECT actor FROM audit_event WHERE action = 'heads.anew'"
    assert bench.rows(told) == [("alice",)]
    bench.take(call("call_1"))
    assert sign(bench) == []
