"""Results: what was measured, against what, and whether it is as good as required."""

from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

HEADINGS = ("measure", "ours", "baseline", "ratio", "required", "met")
WIDTH = 150


@dataclass(frozen=True)
class Result:
    """One row: `ratio` is required to be at least or at most so much, or only shown."""

    name: str
    ours: str
    baseline: str
    ratio: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = " times"

    @property
    def required(self) -> str:
        """What is required of the ratio, in words; nothing when it is only shown."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}{self.unit}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}{self.unit}"

    @property
    def met(self) -> bool:
        """Whether the requirement, if there is one, is met."""
        enough = self.at_least is None or self.ratio >= self.at_least
        return enough and (self.at_most is None or self.ratio <= self.at_most)

    def __str__(self) -> str:
        return f"{self.name}: {self.ratio:.3g}{self.unit} ({self.ours})"

    def to_json(self) -> dict[str, object]:
        """Render the row as plain JSON values."""
        return asdict(self) | {"required": bool(self.required), "met": self.met}


def show(results: list[Result], notes: list[str]) -> None:
    """Print all rows as one table, and below it what to know of them."""
    table = Table(*HEADINGS, title="Benchmarks")
    for row in results:
        met = ("yes" if row.met else "NO") if row.required else ""
        ratio = f"{row.ratio:.3g}{row.unit}"
        table.add_row(row.name, row.ours, row.baseline, ratio, row.required, met)
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)
    for note in notes:
        console.print(f"- {note}", soft_wrap=True)
