"""What people see fits: no figure, id or date is cut or wrapped, at any width."""

from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from rich.console import Console

from billing.commands import display
from billing.commands.display import say, show_table
from billing.reports.sheets.cells import UNKNOWN

CALL = "call_c0585f98a8ee7a73"
EVENT = "test-stripe_minutes-cus_dogwoodvets2-20261031T21-0"
AT = "2026-11-04T10:05:00Z"
PROSE = "Stripe refused it, at once or later: it is not counted"
HEADINGS = ["break", "period", "customer", "minutes", "amount", "at", "call", "why"]
LINES = [
    ["11", "2026-10", "dogwood-vets", "-1,234", "-123.40", AT, CALL, PROSE],
    ["12", "2026-10", "acme", "+5", UNKNOWN, AT, EVENT, ""],
]
WHOLE = ("2026-10", "dogwood-vets", "-1,234", "-123.40", AT, CALL, EVENT, UNKNOWN)


def shown(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    width: int | None,
    headings: Sequence[str] = HEADINGS,
    lines: Sequence[Sequence[str]] = LINES,
    *,
    has_total: bool = False,
) -> list[str]:
    """Show a table on a terminal of a width, or in a pipe."""

    def terminal(*, err: bool = False) -> Console:
        return Console(
            stderr=err,
            markup=False,
            highlight=False,
            width=width,
            height=50,
            force_terminal=True,
            no_color=True,
            _environ={"TERM": "dumb"},
        )

    if width is not None:
        monkeypatch.setattr(display, "console", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    show_table(headings, lines, has_total=has_total)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [30, 80, 120, 200, None])
def test_figures_ids_and_dates_are_whole_at_every_width(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    width: int | None,
) -> None:
    printed = shown(monkeypatch, capsys, width)
    for text in WHOLE:
        assert any(text in line for line in printed), text
    assert "\x1b" not in "".join(printed)
    if width is not None and width >= len(EVENT) + 10:
        assert max(map(cell_len, printed)) <= width


def test_what_is_too_wide_for_a_table_is_a_block_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = shown(monkeypatch, capsys, 80)
    assert printed[0].split() == ["break", "11"]
    assert f"call      {CALL}" in printed
    assert printed.count("") == 2


@pytest.mark.parametrize("width", [200, None])
def test_what_fits_is_a_table_of_a_line_each(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    width: int | None,
) -> None:
    printed = shown(monkeypatch, capsys, width)
    assert printed[0].split() == HEADINGS
    assert len(printed) == 4


def test_only_words_wrap_and_only_where_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    headings, lines = ["call", "why"], [[CALL, PROSE]]
    narrow = shown(monkeypatch, capsys, 60, headings, lines)
    assert len(narrow) == 4
    assert max(map(cell_len, narrow)) <= 60
    words = " ".join(line[len(CALL) :].strip() for line in narrow[2:])
    assert words == PROSE


@pytest.mark.parametrize(
    ("heading", "cells", "is_shown"),
    [
        ("adjustments", ["0", "0"], False),
        ("adjusted amount", ["0.00", "0.00"], False),
        ("reasons", ["", ""], False),
        ("reasons", ["", "rejected"], True),
        ("adjustments", ["0", "1"], True),
        ("last month", [UNKNOWN, UNKNOWN], True),
        ("difference", ["0", "0"], True),
        ("Stripe", ["0", "0"], True),
    ],
)
def test_a_column_of_nothing_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    heading: str,
    cells: list[str],
    is_shown: bool,
) -> None:
    lines = [[name, cell] for name, cell in zip(("acme", "globex"), cells, strict=True)]
    printed = shown(monkeypatch, capsys, 80, ["customer", heading], lines)
    assert (heading in printed[0]) == is_shown


def test_a_total_stands_below_a_rule_and_no_lines_are_no_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    headings = ["customer", "minutes"]
    lines = [["acme", "5"], ["total", "1,005"]]
    printed = shown(monkeypatch, capsys, 80, headings, lines, has_total=True)
    assert [line.split() for line in printed[2:]] == [
        ["acme", "5"],
        ["─" * len("customer  minutes")],
        ["total", "1,005"],
    ]
    assert shown(monkeypatch, capsys, 80, headings, []) == []


def test_a_sentence_in_a_pipe_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{PROSE}. " * 50)
    assert len(capsys.readouterr().out.splitlines()) == 1
