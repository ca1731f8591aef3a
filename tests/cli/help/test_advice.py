"""Whatever command a message names is one that there is, and can be run just then."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from billing.cli import COMMANDS, main
from tests.cli.desk import LAST, Desk

PRODUCT = Path(__file__).parents[3] / "billing"
PROGRAM = "pamela-billing"
QUOTED = re.compile(r"`([^`]+)`")
# What may stand for a value that a message fills in, or in place of a word in capitals.
VALUES = ("2026-02", "1", "2026-02-01T00")
PLACEHOLDER = "\0"
Prepare = Callable[[Desk], None]


def texts(file: Path) -> Iterator[str]:
    """Yield every text of a module, with a placeholder for what is filled in.

    What opens the module is left out: it names commands without their arguments.
    """
    _opening, *statements = ast.parse(file.read_text()).body
    inside: set[ast.AST] = set()
    for node in (node for each in statements for node in ast.walk(each)):
        if isinstance(node, ast.JoinedStr):
            inside |= set(node.values)
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else PLACEHOLDER
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and node not in inside:
            yield str(node.value)


def commands_in(text: str) -> list[str]:
    """Return the command lines that a text names, without the program's name."""
    quoted = [words.removeprefix(PROGRAM).split() for words in QUOTED.findall(text)]
    return [" ".join(words) for words in quoted if words and words[0] in COMMANDS]


def parse(line: str) -> None:
    """Parse a command line as the program does, and run nothing; raises UsageError."""
    words = shlex.split(line)
    group: click.Command = main
    context = click.Context(main, info_name=PROGRAM)
    while isinstance(group, click.Group) and words:
        name, command, words = group.resolve_command(context, words)
        assert command
        group = command
        if words or not isinstance(command, click.Group):
            context = command.make_context(name, list(words), context)
            words = [*context._protected_args, *context.args]


def is_parsed(line: str) -> bool:
    """Say whether a command line parses with some value for what is filled in."""
    if " " not in line:
        return True  # a command by its name
    for value in VALUES:
        filled = re.sub(rf"\b(PERIOD|N|HOUR)\b|{PLACEHOLDER}", value, line)
        try:
            parse(filled)
        except click.exceptions.Exit:
            return True  # --help
        except click.UsageError:
            continue
        return True
    return False


ADVICE = sorted(
    {
        (str(file.relative_to(PRODUCT)), line)
        for file in PRODUCT.rglob("*.py")
        for text in texts(file)
        for line in commands_in(text)
    }
)


@pytest.mark.parametrize(("file", "line"), ADVICE)
def test_a_command_that_is_named_parses(file: str, line: str) -> None:
    assert is_parsed(line), f"{file} names `{line}`"


@pytest.mark.parametrize("line", ["sync --mend", "report usage tomorrow", "sync a"])
def test_a_command_that_there_is_not_does_not_parse(line: str) -> None:
    assert not is_parsed(line)


def nothing(desk: Desk) -> None:
    """Leave the desk as it is."""


def no_settings(desk: Desk) -> None:
    desk.settings_file.unlink()


def no_ledger(desk: Desk) -> None:
    (desk.folder / "billing.db").unlink()


def empty_ledger(desk: Desk) -> None:
    no_ledger(desk)
    (desk.folder / "billing.db").touch()


def no_key(desk: Desk) -> None:
    desk.done("pull", LAST)
    (desk.folder / "audit.key").unlink()


def pulled(desk: Desk) -> None:
    desk.done("pull", LAST)


@pytest.mark.parametrize(
    ("prepare", "line", "advice"),
    [
        (no_settings, "status", ["init"]),
        (no_ledger, "status", ["db upgrade"]),
        (empty_ledger, "run", ["db upgrade"]),
        (nothing, "report usage last", [f"pull {LAST}"]),
        (nothing, "report usage 2031-01", []),
        (nothing, "report usage 2025-01", []),
        (nothing, "report reconciliation 2031-01", []),
        (nothing, "report journal 2031-01", []),
        (nothing, "export usage 2025-01", []),
        (nothing, "export audit 2031-01", []),
        (nothing, "close 2031-01 --dry-run", []),
        (nothing, "close 2025-01 --dry-run", []),
        (nothing, "pull 2031-01", []),
        (pulled, "report reconciliation last", [f"reconcile {LAST}"]),
        (pulled, "report focus 2025-01", []),
        (no_key, "export audit last", ["audit sign"]),
        (nothing, "breaks --acknowledge 9 --reason known", ["breaks"]),
    ],
)
def test_what_a_refusal_advises_is_possible(
    desk: Desk, prepare: Prepare, line: str, advice: list[str]
) -> None:
    prepare(desk)
    refused = desk(*line.split())
    assert refused.exit_code in {1, 2}
    assert commands_in(refused.stderr) == advice
    for command in advice:
        assert desk(*command.split()).exit_code != 2


def test_what_stands_in_the_way_of_a_close_can_be_done(desk: Desk) -> None:
    remedies = {
        obstacle["remedy"]
        for line in ("--dry-run", "--reason=over")
        for obstacle in desk.json("close", "last", line, code=1)["obstacles"]
    }
    advice = {command for remedy in remedies for command in commands_in(remedy)}
    assert {f"pull {LAST}", f"reconcile {LAST}", "sync"} <= advice
    for command in sorted(advice):
        line = command.replace(" N ", " 1 ")
        assert desk(*shlex.split(line)).exit_code != 2
