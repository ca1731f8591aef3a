"""What a person sees: plain lines and tables, and bars when there is a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from billing.pipeline.cycle import Watcher
from billing.pipeline.pull import Progress, silent
from billing.reports.reconciliation import (
    HEADINGS,
    Reconciliation,
    reconciliation_lines,
    reconciliation_sentences,
)

# A file or a pipe has no width, so nothing is ever wrapped there.
_WIDE = 240


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
    rows = [list(line) for line in lines]
    table = Table(title=Text(title) if title else None, title_justify="left")
    for position, heading in enumerate(headings):
        numeric = all(_is_number(row[position]) for row in rows)
        table.add_column(Text(heading), justify="right" if numeric and rows else "left")
    for position, row in enumerate(rows, start=1):
        before_total = has_total and position == len(rows) - 1
        cells = [Text(cell) for cell in row]
        table.add_row(*cells, end_section=before_total)
    console().print(table)


def show_findings(found: Reconciliation) -> None:
    """Print a reconciliation, and in a sentence what it comes to."""
    lines = reconciliation_lines(found)
    title = f"Reconciliation {found.period}, minutes"
    show_table(HEADINGS, lines, title=title, has_total=True)
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
        yield lambda _name: silent
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
    return not text.strip("+-.0123456789")
