"""One file holds the whole verifier: no name stands in it for two things."""

import ast

import pytest

from billing.verifier.single_file import _body, _names_of, one_file, program

MODULE = '''"""What it is,

in two paragraphs.
"""
import os, sys
from typing import (
    Any,
    NamedTuple,
)
from billing.verifier.shapes import BINDING

A, (B, *C) = 1, (2, 3)
D: int = 4  # noqa: X1 # why
A.x = 5


def function() -> None:
    inner = 6




class Thing(NamedTuple):
    field: int
'''


def test_each_name_that_a_module_defines_is_known() -> None:
    names = _names_of(ast.parse(MODULE))
    assert sorted(set(names)) == ["A", "B", "C", "D", "Thing", "function"]


def test_a_module_comes_without_its_imports_under_its_first_words() -> None:
    imports: set[str] = set()
    assert _body("thing", MODULE, ast.parse(MODULE), imports) == (
        "\n\n# thing\n# What it is,\n#\n# in two paragraphs.\n\n"
        "A, (B, *C) = 1, (2, 3)\nD: int = 4\nA.x = 5\n\n\n"
        "def function() -> None:\n    inner = 6\n\n\n"
        "class Thing(NamedTuple):\n    field: int"
    )
    assert imports == {
        "import os",
        "import sys",
        "from typing import Any",
        "from typing import NamedTuple",
    }


def test_imports_stand_once_and_before_all_else() -> None:
    lines = one_file().splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    opening, gathered = imports[:2], imports[2:]
    assert opening == ["import os", "import sys"]
    assert len(gathered) == len(set(gathered))
    plain = [line for line in gathered if line.startswith("import ")]
    assert gathered == [*sorted(plain), *sorted(set(gathered) - set(plain))]
    assert "from pathlib import Path" in gathered
    assert not any("noqa" in line for line in lines)


def test_what_is_written_ends_with_one_line_end() -> None:
    written = program()
    assert written.decode() == one_file()
    assert written.endswith(b"sys.exit(main())\n")


def test_a_name_that_two_modules_define_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second would silently stand in for the first."""
    monkeypatch.setattr("billing.verifier.single_file._names_of", lambda tree: ["same"])
    one_file.cache_clear()
    try:
        with pytest.raises(ValueError, match="same is in findings and in ed25519"):
            one_file()
    finally:
        one_file.cache_clear()
