"""Words of calls pass the gate: nothing acts on a terminal, no secret comes in."""

import pytest

from billing.domain.call import Call, Quarantined, QuarantineReason
from billing.domain.held_secrets import HeldSecrets
from billing.gateways.word_gate import WordGate
from billing.ports import SourceCall
from tests.sandbox.pamela.pamela_world import NOW

SECRET = "not-a-key-by-its-form-51"
HIDDEN = "(the secret stripe.api_key)"
GATE = WordGate(HeldSecrets([("stripe.api_key", SECRET)]))
CALL = Call(
    account="main",
    call_id="c",
    status="failed",
    created_at=NOW,
    started_at=None,
    ended_at=None,
    duration_seconds=None,
    source_minutes=None,
    customer_key=None,
)
TOLD = SourceCall(call=CALL, sha256="0", metadata={"customer": "acme"})


def test_a_call_that_is_set_aside_is_told_in_words_that_act_on_nothing() -> None:
    aside = Quarantined(
        account="main",
        call_id="c",
        reason=QuarantineReason.WRONG_TYPE,
        detail="\x1b[31m is no time",
    )
    [gated] = GATE.calls([SourceCall(call=aside, sha256="0")])
    assert isinstance(gated.call, Quarantined)
    assert gated.call.detail == "\\x1b[31m is no time"


def test_a_call_without_a_secret_is_handed_on_as_it_is() -> None:
    assert GATE.calls([TOLD])[0] is TOLD


@pytest.mark.parametrize(
    ("metadata", "gated"),
    [
        (SECRET, HIDDEN),
        ({"k": SECRET}, {"k": HIDDEN}),
        ({SECRET: 1}, {HIDDEN: 1}),
        ([1, f"a {SECRET}", None], [1, f"a {HIDDEN}", None]),
        ({"k": [{"deep": [SECRET]}]}, {"k": [{"deep": [HIDDEN]}]}),
    ],
)
def test_metadata_comes_without_secrets_wherever_they_stand(
    metadata: object, gated: object
) -> None:
    first, second = GATE.calls([TOLD, TOLD._replace(metadata=metadata)])
    assert first == TOLD
    assert second == TOLD._replace(metadata=gated)


def test_a_call_whose_name_is_a_secret_is_set_aside_without_it() -> None:
    [gated] = GATE.calls([TOLD._replace(call=CALL._replace(call_id=f"x-{SECRET}"))])
    assert isinstance(gated.call, Quarantined)
    assert gated.call.call_id is None
    assert gated.call.detail == "id holds the secret stripe.api_key"
