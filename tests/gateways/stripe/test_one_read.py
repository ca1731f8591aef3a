"""One read takes so many requests and so long, whatever it asks for on its way."""

import pytest

from billing.errors import MeterFault, MeterUnavailable
from billing.gateways.stripe import reads
from billing.gateways.stripe.meter import StripeMeter
from tests.gateways.scripted import METER_ROW, meter_at, serving


def ask(meter: StripeMeter) -> None:
    meter._reads.get("/v1/billing/meters/mtr_1")


def test_one_read_takes_so_many_requests_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What several reads take is none of one; a read within a read is part of it."""
    monkeypatch.setattr(reads, "MOST_REQUESTS", 3)
    with serving(lambda _: METER_ROW) as server, meter_at(server.url) as meter:
        for _ in range(4):
            with reads.one_read("the meter"):
                ask(meter)
        with reads.one_read("the meter"):
            for _ in range(3):
                with reads.one_read("a part of it"):
                    ask(meter)
            with pytest.raises(MeterFault, match="a read takes more than 3 requests"):
                ask(meter)


def test_one_read_takes_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "LONGEST_SECONDS", -1)
    with (
        serving(lambda _: METER_ROW) as server,
        meter_at(server.url) as meter,
        reads.one_read("the meter"),
        pytest.raises(MeterUnavailable, match="a read takes longer than -1 s"),
    ):
        ask(meter)
