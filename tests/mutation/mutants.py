"""The mutants of a module: one change each, with a name that outlives moved lines."""

import ast
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

from tests.mutation.operators import (
    replacements,
    statement_replacements,
    string_replacements,
)

CONTEXT = 72
# Types are not run, and a decorator's switches are about the tools, not the rules.
SKIPPED = {"annotation", "returns", "decorator_list", "type_params", "bases"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
SIMPLE = ast.Return | ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr | ast.Assert


@dataclass(frozen=True)
class Site:
    """A node's place below its parent, and what stands there in a mutant."""

    parent: ast.AST
    name: str
    place: int | None
    old: ast.AST
    new: ast.AST

    @contextmanager
    def changed(self) -> Iterator[None]:
        """Have the change in the tree for a while."""
        self._put(self.new)
        try:
            yield
        finally:
            self._put(self.old)

    def _put(self, node: ast.AST) -> None:
        if self.place is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.place] = node


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    module: str
    where: str
    change: str
    lines: range
    in_body: bool
    tree: ast.Module = field(repr=False)
    site: Site = field(repr=False)

    @property
    def key(self) -> str:
        """What this mutant is called in results and in the table of survivors."""
        return f"{self.module}::{self.where}: {self.change}"

    def code(self, file: Path) -> CodeType:
        """Compile the module with the change in it."""
        with self.site.changed():
            return compile(self.tree, str(file), "exec", dont_inherit=True)


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return all mutants of a module's source, in its order."""
    tree = ast.parse(source)
    walk = _Walk(module, tree)
    walk.visit(tree, [])
    return walk.found


class _Walk:
    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module = module
        self.tree = tree
        self.found: list[Mutant] = []
        self._times: Counter[str] = Counter()

    def visit(self, node: ast.AST, above: list[ast.AST]) -> None:
        """Find the mutants below a node."""
        for name, value in ast.iter_fields(node):
            if name in SKIPPED or _is_no_rule(node):
                continue
            children = value if isinstance(value, list) else [value]
            for place, child in enumerate(children):
                if isinstance(child, ast.AST) and not _is_docstring(child):
                    where = place if isinstance(value, list) else None
                    self._at(node, name, where, child, above)
                    self.visit(child, [*above, node])

    def _at(
        self,
        parent: ast.AST,
        name: str,
        place: int | None,
        node: ast.AST,
        above: list[ast.AST],
    ) -> None:
        chain = [*above, parent]
        if any(isinstance(each, ast.Raise | ast.JoinedStr) for each in chain):
            return  # the words of a message are no rule
        decides = name in {"test", "guard"} and not isinstance(parent, ast.While)
        decides = decides or (name == "ifs")
        in_body = _is_in_body(chain, name)
        news = list(replacements(node, decides=decides))
        if isinstance(node, ast.stmt):
            news += statement_replacements(node)
        if not in_body and not isinstance(parent, ast.Call | ast.keyword):
            news += string_replacements(node)
        for new in news:
            if not hasattr(new, "lineno"):  # a part of the old node has its own place
                ast.fix_missing_locations(ast.copy_location(new, node))
            self._add(Site(parent, name, place, node, new), chain, in_body=in_body)

    def _add(self, site: Site, chain: list[ast.AST], *, in_body: bool) -> None:
        shown = _context(site, chain)
        before = _text(shown)
        with site.changed():
            after = _text(site.new if shown is site.old else shown)
        where = _qualified(chain)
        change = f"{before} -> {after}"
        self._times[f"{where}: {change}"] += 1
        nth = self._times[f"{where}: {change}"]
        self.found.append(
            Mutant(
                module=self.module,
                where=where,
                change=change if nth == 1 else f"{change} #{nth}",
                lines=_lines(site.old, chain),
                in_body=in_body,
                tree=self.tree,
                site=site,
            )
        )


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_no_rule(node: ast.AST) -> bool:
    """Say whether nothing is decided here: imports for types, lists of names, nets."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.keyword(arg="strict"):  # a net below what cannot be
            return True
    return False


def _is_in_body(chain: list[ast.AST], name: str) -> bool:
    """Say whether a place is run by calling a function, not by importing."""
    names = [*chain[1:], None]
    for each, below in zip(chain, names, strict=True):
        if isinstance(each, FUNCTIONS):
            return not (isinstance(below, ast.arguments) or name == "args")
    return False


def _qualified(chain: list[ast.AST]) -> str:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return ".".join(each.name for each in chain if isinstance(each, kinds)) or "module"


def _context(site: Site, chain: list[ast.AST]) -> ast.AST:
    """Return the largest short piece of code around a change, for its name."""
    shown = site.old
    if isinstance(shown, ast.stmt):
        return shown
    for each in reversed(chain):
        if not isinstance(each, ast.expr | ast.keyword | SIMPLE):
            break
        if len(_text(each)) > CONTEXT:
            break
        shown = each
    return shown


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if isinstance(node, ast.expr | ast.keyword) else text[: 2 * CONTEXT]


def _lines(node: ast.AST, chain: list[ast.AST]) -> range:
    """Return the lines of the statement that a node is part of."""
    for each in (node, *reversed(chain)):
        if isinstance(each, ast.stmt | ast.ExceptHandler):
            last = each.end_lineno or each.lineno
            body = getattr(each, "body", None)
            if body:
                last = max(each.lineno, body[0].lineno - 1)
            return range(each.lineno, last + 1)
    return range(1, 2)
