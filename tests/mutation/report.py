"""The table of what was noticed, part by part, and every survivor with its reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.mutation.mutants import Mutant
from tests.mutation.parts import Part
from tests.mutation.results import Results
from tests.mutation.survivors import EQUIVALENT, Reason
from tests.mutation.trial import Verdict

HEADING = (
    f"{'part':<18}{'mutants':>8}{'tried':>7}{'killed':>8}{'timed out':>10}"
    f"{'survived':>9}{'explained':>10}{'score':>8}{'least':>7}"
)


@dataclass(frozen=True)
class Score:
    """A part's mutants, by what became of them."""

    part: Part
    mutants: int
    killed: int
    timed_out: int
    survivors: tuple[Mutant, ...]
    equivalent: int

    @property
    def tried(self) -> int:
        """How many have an outcome."""
        return self.killed + self.timed_out + len(self.survivors)

    @property
    def tenths(self) -> int:
        """The share that was noticed, in tenths of a percent; equivalents apart.

        What was not tried was not noticed.
        """
        counted = self.tried - self.equivalent
        return 1000 * (self.killed + self.timed_out) // counted if counted else 0

    @property
    def is_enough(self) -> bool:
        """Say whether the part has what is asked of it."""
        return self.tenths >= 10 * self.part.least


def score(
    part: Part, mutants: Sequence[Mutant], results: Results, known: dict[str, Reason]
) -> Score:
    """Count a part's outcomes."""
    by_verdict: dict[Verdict, list[Mutant]] = {verdict: [] for verdict in Verdict}
    for mutant in mutants:
        if outcome := results.outcome(mutant):
            by_verdict[outcome.verdict].append(mutant)
    # What could not be tried counts as what nobody noticed.
    survivors = (*by_verdict[Verdict.SURVIVED], *by_verdict[Verdict.UNFIT])
    kinds = [known[each.key].kind for each in survivors if each.key in known]
    return Score(
        part=part,
        mutants=len(mutants),
        killed=len(by_verdict[Verdict.KILLED]),
        timed_out=len(by_verdict[Verdict.TIMED_OUT]),
        survivors=survivors,
        equivalent=kinds.count(EQUIVALENT),
    )


def line(row: Score) -> str:
    """Write a part's line of the table."""
    percent = f"{row.tenths // 10}.{row.tenths % 10} %"
    return (
        f"{row.part.name:<18}{row.mutants:>8}{row.tried:>7}{row.killed:>8}"
        f"{row.timed_out:>10}{len(row.survivors):>9}{row.equivalent:>10}"
        f"{percent:>8}{row.part.least:>5} %"
    )


def survivor_lines(
    row: Score, results: Results, known: dict[str, Reason]
) -> Iterator[str]:
    """Write each survivor of a part, and why it is one."""
    for mutant in row.survivors:
        outcome = results.outcome(mutant)
        reason = known.get(mutant.key)
        why = f"{reason.kind}: {reason.reason}" if reason else "not explained"
        note = f" ({outcome.by})" if outcome and outcome.by else ""
        yield f"{mutant.key}\n    line {mutant.lines.start}{note}; {why}"
