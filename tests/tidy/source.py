"""A source file of the repository, and what it imports."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

# What each part may import of ours besides itself; a new part needs a row.
MAY_IMPORT: dict[str, set[str]] = {
    "pamela": set(),
    "billing": set(),
    "domain": set(),
    "errors": {"domain"},
    "ports": {"domain"},
    "files": {"errors"},
    "output": {"domain"},
    "settings": {"domain", "errors", "settings_sources"},
    "settings_sources": {"files", "domain", "errors"},
    "documents": {"pipeline", "reports", "errors"},
    "credentials": {"domain", "errors", "settings", "settings_sources"},
    "adapters": {
        "credentials",
        "domain",
        "errors",
        "settings",
        "gateways",
        "pipeline",
    },
    "ledger": {"files", "domain", "errors"},
    "gateways": {
        "files",
        "domain",
        "errors",
        "ports",
        "pamela",
    },
    "pipeline": {"domain", "ledger", "ports", "errors"},
    "reports": {"files", "domain", "ledger", "errors", "verifier"},
    "verifier": set(),
    "sandbox": {"files", "domain", "pamela"},
    "offline": {
        "files",
        "domain",
        "errors",
        "ports",
        "settings",
        "ledger",
        "gateways",
    },
    "app": {
        "adapters",
        "domain",
        "errors",
        "ports",
        "settings",
        "offline",
        "pamela",
        "ledger",
        "gateways",
        "pipeline",
        "reports",
        "sandbox",
    },
    "installation": {
        "files",
        "app",
        "offline",
        "adapters",
        "credentials",
        "settings",
        "gateways",
        "ledger",
        "pipeline",
        "ports",
        "domain",
        "errors",
        "output",
    },
    "demo": {
        "documents",
        "app",
        "offline",
        "installation",
        "sandbox",
        "pipeline",
        "reports",
        "verifier",
        "domain",
        "errors",
    },
    "commands": {
        "documents",
        "files",
        "app",
        "offline",
        "installation",
        "daemon",
        "demo",
        "output",
        "sandbox",
        "pipeline",
        "reports",
        "verifier",
        "domain",
        "errors",
    },
    "cli": {"commands", "domain", "errors", "output", "settings_sources"},
    "daemon": {
        "documents",
        "app",
        "output",
        "pipeline",
        "reports",
        "domain",
        "errors",
    },
    "web": {"documents", "app", "pipeline", "reports", "domain", "errors"},
    "__main__": {"cli"},
}


@dataclass(frozen=True)
class Source:
    """A file of the repository: where it is and what it says."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a Python file."""
        return ast.parse(self.text, str(self.path))

    @property
    def is_product(self) -> bool:
        """Whether it is shipped, and so has a part."""
        return self.path.parts[0] in {"billing", "client"}

    @property
    def package(self) -> list[str]:
        """The dotted name of the package it is in."""
        folders = list(self.path.parent.parts)
        return folders[1:] if folders[:1] == ["client"] else folders

    @property
    def part(self) -> str:
        """The row of the import table that holds for it."""
        return part_of([*self.package, self.path.stem.replace("__init__", "")])


Rule = Callable[[Source], Iterator[str]]


def part_of(module: list[str]) -> str:
    """Name the part a module belongs to; `billing` is the package itself."""
    if module[0] != "billing":
        return module[0]
    return (module[1] if len(module) > 1 else "") or "billing"


def imports_of(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Give the line and the absolute name of everything a module imports."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.split(".")) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = source.package[: len(source.package) - node.level + 1]
            base = (above if node.level else []) + (node.module or "").split(".")
            base = [name for name in base if name]
            for name in node.names:
                is_a_part = base == ["billing"] and name.name in MAY_IMPORT
                yield node.lineno, [*base, name.name] if is_a_part else base
