"""A few cut-overs by chance; `python -m tests.adoption` runs a thousand."""

from tests.adoption.campaign import run_seeds


def test_cut_overs_by_chance_double_and_lose_nothing() -> None:
    results = list(run_seeds(first=0, cut_overs=24))
    assert [words for result in results for words in result.wrong] == []
    assert sum(result.happened["deaths"] for result in results) > 10
