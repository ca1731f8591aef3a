"""Every command explains itself: what it does, each option, and what it ends with."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from billing.cli import main

WIDTH = 80


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its path, the groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


ALL = dict(commands(main))


def help_of(path: str) -> str:
    """Return what --help prints on a terminal of the usual width."""
    shown = CliRunner().invoke(main, [*path.split(), "--help"], terminal_width=WIDTH)
    assert shown.exit_code == 0
    return shown.stdout


@pytest.mark.parametrize("path", ALL)
def test_help_fits_and_explains_each_parameter(path: str) -> None:
    assert max(map(len, help_of(path).splitlines())) <= WIDTH
    command = ALL[path]
    assert command.help
    assert command.help.split("\n")[0].endswith(".")
    for param in command.params:
        assert isinstance(param, click.Option | click.Argument)
        assert param.help or getattr(param, "hidden", False), param.name


@pytest.mark.parametrize("path", ALL)
def test_a_default_is_shown(path: str) -> None:
    context = click.Context(ALL[path])
    for param in ALL[path].params:
        if not isinstance(param, click.Option) or param.is_flag or param.hidden:
            continue
        default = param.get_default(context)
        if isinstance(default, str | int | Path) and default != "":
            _, text = param.get_help_record(context) or ("", "")
            assert f"default: {default}" in text


def test_the_exit_codes_are_named() -> None:
    text = help_of("")
    for code in ("0", "1", "2", "3", "130"):
        assert re.search(rf"^ +{code}  +\w", text, re.MULTILINE), code
