"""The trials themselves: what should be noticed is, and what is not is reported."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import mutants_of
from tests.mutation.parts import PARTS, ROOT, mutants_in, rest
from tests.mutation.survivors import known_survivors

LONG = "is_long: return minutes > 60 -> return minutes"
# Nobody asks the little tariff about exactly an hour, and two changes never end.
NOT_KILLED = {
    f"{LONG} >= 60": "survived",
    f"{LONG} > 59": "survived",
    f"{LONG} > 61": "survived",
    "digits: number >= 10 -> number < 10": "timed out",
    "digits: number //= 10 -> number *= 10": "timed out",
}
NOTICED = {
    "module: FREE_MINUTES = 10 -> FREE_MINUTES = 11",
    "charged: return max(minutes - FREE_MINUTES, 0) -> return None",
    "digits: count += 1 -> count -= 1",
}


def test_what_a_test_asks_for_is_noticed_and_the_rest_is_named(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "planted.json"
    command = [
        "-m",
        "tests.mutation",
        "--part",
        "planted",
        "--results",
        str(kept.parent),
    ]
    run = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    verdicts = {
        name.partition("::")[2]: row["verdict"]
        for name, row in json.loads(kept.read_text()).items()
    }
    assert {n: v for n, v in verdicts.items() if v != "killed"} == NOT_KILLED
    assert set(verdicts) >= NOTICED
    assert all(name in run.stdout for name in NOT_KILLED if LONG in name)
    again = subprocess.run(
        [sys.executable, *command, "--report"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout == run.stdout


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("def f(a): return a < 3", {"a <= 3", "a >= 3", "a < 4", "a < 2", "None"}),
        ("def f(a):\n if a: g()", {"True", "False", "pass"}),
        ("def f(a): return a and not b", {"a or not b", "a and b", "None"}),
        ("def f(a=1): raise X(a + 1)", {"2", "0", "pass"}),
        ("K = {'a': 'b c', 'd': True}", {"'a~': 'b c'", "'d~': True", "'d': False"}),
        ("def f(a): a += min(b)", {"a -= min(b)", "a += max(b)"}),
        ("x: int = 5\nlog.info('x')\n'words 3'", {"x: int = 6", "x: int = 4"}),
        ("def f(a: X = None) -> Y[3]: '''3'''", set()),
        ("def f(a): zip(a, strict=True)", {"pass"}),
        ("__all__ = ['a', 'b']\nif TYPE_CHECKING: b = 1", set()),
    ],
)
def test_each_change_is_one_that_a_test_could_notice(
    code: str, changes: set[str]
) -> None:
    mutants = mutants_of("tariff.py", code)
    assert len(mutants) == len(changes)
    for change in changes:
        assert any(change in each.change.partition(" -> ")[2] for each in mutants)
    for mutant in mutants:
        with mutant.site.changed():
            assert ast.unparse(mutant.tree) != ast.unparse(ast.parse(code))


def test_a_mutant_keeps_its_name_when_lines_move() -> None:
    code = "def f(a):\n    a += 1\n    a += 1\n    return a > 1\n"
    names = [each.key for each in mutants_of("tariff.py", code)]
    moved = mutants_of("tariff.py", f"B = None\n\n{code}")
    assert [each.key for each in moved] == names
    assert len(set(names)) == len(names)


def test_every_known_survivor_is_a_mutant_of_this_code_and_has_a_reason() -> None:
    parts = [*PARTS, *rest()]
    mutants = {mutant.key for part in parts for mutant in mutants_in(part)}
    for name, known in known_survivors().items():
        assert name in mutants
        assert known.kind in {"equivalent", "left"}
        assert known.reason.endswith(".")


def test_every_part_names_modules_and_tests_that_are_there() -> None:
    modules = [module for part in PARTS for module in part.modules]
    assert len(modules) == len(set(modules))
    for place in [*modules, *(each for part in PARTS for each in part.tests)]:
        assert (ROOT / place).exists(), place
