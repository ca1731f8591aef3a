"""What a person sees: sentences and tables that fit, and bars on a terminal."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import fill, wrap
from typing import TYPE_CHECKING, NamedTuple

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from billing.domain.foreign_text import visible
from billing.output import leaving
from billing.reports.sheets.cells import UNKNOWN

if TYPE_CHECKING:
    from billing.pipeline.concurrency import Progress

# A file or a pipe has no width, so nothing is ever wrapped there.
_ENDLESS = 1_000_000
_GAP = 2
_PARAGRAPH = 98
# Words that stand in a column narrower than this are no pleasure to read.
_READABLE = 16
_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?")
# A date with its time, or a span such as 3 d 04 h: written in parts, read as one.
_FIGURE = re.compile(r"[+-]?\d[\d,.:TZ-]*( (\d[\d:]*|d|h|min|s))*")
_EMPTY = frozenset({"", "0", "0.0", "0.00", "0.000"})
# Of these, nought is an answer; any other column of noughts says nothing.
_ANSWERS = frozenset(
    {"amount", "calls", "difference", "ledger", "minutes", "Pamela", "Stripe", "total"}
)


class _Column(NamedTuple):
    """A column with its cells: how wide it is at ease, and at least."""

    heading: str
    cells: Sequence[str]

    @property
    def is_number(self) -> bool:
        """Whether it stands to the right."""
        cells = [cell for cell in self.cells if cell not in ("", UNKNOWN)]
        return bool(cells) and all(map(_NUMBER.fullmatch, cells))

    @property
    def is_telling(self) -> bool:
        """Whether it says anything."""
        if set(self.cells) <= {""}:
            return False
        return self.heading in _ANSWERS or not _EMPTY.issuperset(self.cells)

    @property
    def natural(self) -> int:
        """How wide it is when nothing wraps."""
        return max(cell_len(text) for text in (self.heading, *self.cells))

    @property
    def least(self) -> int:
        """How narrow it may be: words wrap, but no word, figure, name or date does."""
        parts = [part for text in self.cells for part in _unbroken(text)]
        least = max(cell_len(part) for part in (*self.heading.split(), *parts, ""))
        is_prose = any(len(_unbroken(text)) > 1 for text in self.cells)
        return max(least, min(self.natural, _READABLE)) if is_prose else least


def console(*, err: bool = False) -> Console:
    """Return where to print; text is never taken for markup."""
    screen = Console(stderr=err, markup=False, highlight=False, emoji=False)
    if not screen.is_terminal:
        screen.width = _ENDLESS
    return screen


def say(text: str) -> None:
    """Print a sentence."""
    _print(text, console())


def say_paragraph(text: str, indent: str) -> None:
    """Print a paragraph of a width good to read, indented after its first line."""
    screen = console()
    width = min(_PARAGRAPH, screen.width)
    lines = fill(leaving(text), width, subsequent_indent=indent, break_on_hyphens=False)
    _print(lines, screen)


def complain(text: str) -> None:
    """Print a sentence to standard error."""
    _print(text, console(err=True))


def show_table(
    headings: Sequence[str],
    lines: Iterable[Sequence[str]],
    *,
    title: str = "",
    has_total: bool = False,
) -> None:
    """Print a table that fits, numbers to the right; a total stands below a rule.

    Columns of nothing are left out. Where even the narrowest table is too wide, each
    line is a block of its own: a label and a value in each row.
    """
    rows = [[visible(leaving(cell)) for cell in line] for line in lines]
    if not rows:
        return
    screen = console()
    columns = [
        column
        for heading, cells in zip(headings, zip(*rows, strict=True), strict=True)
        if (column := _Column(heading, cells)).is_telling
    ]
    if title:
        _print(title, screen)
    widths = fitted(columns, screen.width)
    if widths is None:
        _show_records(columns, screen)
    else:
        screen.print(_table(columns, widths, has_total=has_total), crop=False)


def show_part(
    title: str,
    headings: Sequence[str],
    lines: Iterable[Sequence[str]],
    sentences: Iterable[str],
) -> None:
    """Print one part of a page: a title, a table, and sentences below it."""
    say(f"\n── {title}")
    show_table(headings, lines)
    for sentence in sentences:
        say(sentence)


def fitted(columns: Sequence[_Column], room: int) -> list[int] | None:
    """Return how wide each column is to fit; None where no table does."""
    room -= _GAP * (len(columns) - 1)
    widths = [column.natural for column in columns]
    least = [column.least for column in columns]
    if sum(least) > room:
        return None
    while (excess := sum(widths) - room) > 0:
        # The widest gives way first, down to the next one or to its own least.
        slack = [at for at in range(len(widths)) if widths[at] > least[at]]
        widest = max(slack, key=widths.__getitem__)
        below = [widths[at] for at in slack if widths[at] < widths[widest]]
        step = widths[widest] - max([*below, least[widest]])
        widths[widest] -= min(excess, step or 1)
    return widths


def _table(
    columns: Sequence[_Column], widths: Sequence[int], *, has_total: bool
) -> Table:
    table = Table(
        box=SIMPLE,
        show_edge=False,
        show_footer=has_total,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),
    )
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            Text(column.heading),
            footer=Text(column.cells[-1]) if has_total else "",
            justify="right" if column.is_number else "left",
            width=width,
        )
    cells = [column.cells for column in columns]
    for row in list(zip(*cells, strict=True))[: -1 if has_total else None]:
        table.add_row(*map(Text, row))
    return table


def _show_records(columns: Sequence[_Column], screen: Console) -> None:
    label = max(cell_len(column.heading) for column in columns)
    for row in range(len(columns[0].cells)):
        for column in columns:
            if text := column.cells[row]:
                start = f"{column.heading:<{label}}{' ' * _GAP}"
                _print(start + text, screen, indent=len(start))
        screen.print()


def _print(text: str, screen: Console, *, indent: int = 0) -> None:
    """Print lines whole, or wrapped by words where a terminal is too narrow."""
    for line in leaving(text).split("\n"):
        fits = cell_len(line) <= screen.width
        wrapped = [line] if fits else _wrapped(line, screen.width, indent)
        for part in wrapped:
            screen.print(part, soft_wrap=True)


def _wrapped(line: str, width: int, indent: int) -> list[str]:
    return wrap(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _unbroken(text: str) -> list[str]:
    """Cut a text where it may wrap: between words, and never within a figure."""
    return [text] if _FIGURE.fullmatch(text) else text.split()


def mark(fine: bool) -> str:
    """Return a tick or a cross."""
    return "✓" if fine else "✗"


@contextmanager
def progress_bars() -> Iterator[Callable[[str], "Progress"]]:
    """Show a bar for each piece of work, on standard error, if that is a terminal."""
    screen = console(err=True)
    if not screen.is_terminal or screen.is_dumb_terminal:
        yield lambda _name: lambda _done, _total: None
        return
    # Loaded only where somebody looks: it costs as much as all else here.
    from rich.progress import Progress as Bars  # noqa: PLC0415

    with Bars(
        console=screen, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bars:

        def watch(name: str) -> "Progress":
            task = bars.add_task(visible(leaving(name)), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield watch
