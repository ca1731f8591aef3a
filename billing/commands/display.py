"""What a person sees: plain lines and tables, and bars when there is a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from billing.pipeline.concurrency import Progress, no_progress
from billing.pipeline.cycle import Watcher
from billing.reports.reconciliation.live import (
    CAUSE_HEADINGS,
    Reconciliation,
    cause_lines,
    reconciliation_headings,
    reconciliation_lines,
    reconciliation_sentences,
)

# A file or a pipe has no width, so nothing is ever wrapped there.
_WIDE = 240
# What is read as a page is never wider, whatever there is room for.
_PAGE = 100


def console(*, err: bool = False) -> Console:
    """Return where to print; text is never taken for markup."""
    found = Console(stderr=err, markup=False, highlight=False, emoji=False)
    if not found.is_terminal:
        found.width = _WIDE
    return found


def say(text: str) -> None:
    """Print a line."""
    console().print(text, soft_wrap=True)


def complain(text: str) -> None:
    """Print a line to standard error."""
    console(err=True).print(text, soft_wrap=True)


def show_table(
    headings: Sequence[str],
    lines: Iterable[Sequence[str]],
    *,
    title: str = "",
    has_total: bool = False,
) -> None:
    """Print a table, numbers to the right; a total stands below a rule."""
    table = _table(headings, lines, has_total=has_total)
    if title:
        table.title, table.title_justify = Text(title), "left"
    console().print(table)


def show_part(
    title: str,
    headings: Sequence[str],
    lines: Iterable[Sequence[str]],
    sentences: Iterable[str],
) -> None:
    """Print one part of a page in a frame: a table, and sentences below it."""
    table = _table(headings, lines)
    table.box, table.show_edge, table.padding = SIMPLE_HEAD, False, (0, 1, 0, 0)
    for column in table.columns:
        column.overflow = "fold"
    rows = [table] if table.row_count else []
    inside = Group(*rows, *(Text(sentence) for sentence in sentences))
    screen = console()
    width = min(screen.width, _PAGE)
    screen.print(Panel(inside, title=Text(title), title_align="left", width=width))


def _table(
    headings: Sequence[str],
    lines: Iterable[Sequence[str]],
    *,
    has_total: bool = False,
) -> Table:
    rows = [list(line) for line in lines]
    table = Table()
    for position, heading in enumerate(headings):
        numeric = all(_is_number(row[position]) for row in rows)
        table.add_column(Text(heading), justify="right" if numeric and rows else "left")
    for position, row in enumerate(rows, start=1):
        before_total = has_total and position == len(rows) - 1
        cells = [Text(cell) for cell in row]
        table.add_row(*cells, end_section=before_total)
    return table


def show_findings(found: Reconciliation) -> None:
    """Print a reconciliation, and in a sentence what it comes to."""
    lines, headings = reconciliation_lines(found), reconciliation_headings(found)
    title = f"Reconciliation {found.period}, minutes"
    show_table(headings, lines, title=title, has_total=True)
    if causes := cause_lines(found):
        show_table(CAUSE_HEADINGS, causes)
    for sentence in reconciliation_sentences(found):
        say(sentence)


def mark(fine: bool) -> str:
    """Return a tick or a cross."""
    return "✓" if fine else "✗"


@contextmanager
def progress_bars() -> Iterator[Watcher]:
    """Show a bar for each piece of work, on standard error, if that is a terminal."""
    screen = console(err=True)
    if not screen.is_terminal:
        yield lambda _name: no_progress
        return
    # Loaded only where somebody looks: it costs as much as all else here.
    from rich.progress import Progress as Bars  # noqa: PLC0415

    with Bars(
        console=screen, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bars:

        def watch(name: str) -> Progress:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield watch


def _is_number(text: str) -> bool:
    return not text.strip("+-.?0123456789")
