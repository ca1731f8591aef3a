"""Rules of arguments: each has a name, and nothing is packed to fit."""

import ast
from collections.abc import Iterator

from tests.tidy.source import Rule, Source

MOST_POSITIONAL = 4


def plain_arguments(source: Source) -> Iterator[str]:
    """Nothing is packed into a tuple only to be unpacked at once."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Starred(value=ast.Tuple() | ast.List()):
                yield f"{node.lineno}: a literal is unpacked at once; write its items"


def named_parameters(source: Source) -> Iterator[str]:
    """No parameter is a tuple of different things: that has a name and a class."""
    # A migration keeps the words that it was released with.
    if source.path.parts[0] == "migrations":
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.arg(
                annotation=ast.Subscript(
                    value=ast.Name(id="tuple"), slice=ast.Tuple(elts=kinds)
                )
            ):
                names = {ast.unparse(kind) for kind in kinds} - {"..."}
                if len(names) > 1:
                    yield f"{node.lineno}: {node.arg} is a tuple of different things"


def keyword_constructors(sources: list[Source]) -> Rule:
    """Make the rule that a class of more than four fields is made by keyword."""
    wide = _wide_classes(sources)

    def rule(source: Source) -> Iterator[str]:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and node.args:
                name = ast.unparse(node.func).rpartition(".")[2]
                starred = any(isinstance(each, ast.Starred) for each in node.args)
                if name in wide and not starred:
                    yield f"{node.lineno}: {name} has {wide[name]} fields; name them"

    return rule


def _wide_classes(sources: list[Source]) -> dict[str, int]:
    """Return how many fields each class of values has, where they are many.

    A name that also stands for a small class is left out.
    """
    counts: dict[str, list[int]] = {}
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                fields = _fields(node) if _is_value(node) else 0
                counts.setdefault(node.name, []).append(fields)
    return {
        name: min(each) for name, each in counts.items() if min(each) > MOST_POSITIONAL
    }


def _is_value(node: ast.ClassDef) -> bool:
    made_by = [*node.decorator_list, *node.bases]
    return any(
        "dataclass" in (text := ast.unparse(each)) or "NamedTuple" in text
        for each in made_by
    )


def _fields(node: ast.ClassDef) -> int:
    return sum(
        isinstance(each, ast.AnnAssign)
        and "ClassVar" not in ast.unparse(each.annotation)
        and "init=False" not in ast.unparse(each)
        for each in node.body
    )
