"""The verifier as one file, which a bundle holds and anybody can read."""

import ast
import re
from functools import cache
from importlib.resources import files

PACKAGE = "billing.verifier"
# In the order of who needs whom.
_MODULES = (
    "findings",
    "ed25519",
    "shapes",
    "rows",
    "bundle_names",
    "zip_layout",
    "containers",
    "manifest",
    "workspace",
    "keys",
    "states",
    "chain",
    "covers",
    "entries",
    "prices",
    "call_history",
    "calls",
    "closes",
    "pairs",
    "loading",
    "meter",
    "claims",
    "readme",
    "proof",
    "verification",
    "program",
)
_OPENING = '''"""Verify an audit bundle: PASS, or the first bad record, and why.

It needs Python 3.11 or newer and nothing else: no network, no packages, no keys.
Run `python -I verify.py` in the folder that the bundle was unpacked into, or
`python -I verify.py BUNDLE.zip`; `python -I verify.py --help` says what else there is.
"""
import os
import sys

if sys.version_info < (3, 11):
    sys.exit("verify.py needs Python 3.11 or newer, and this is %d.%d"
             % sys.version_info[:2])
if __name__ == "__main__":
    # What lies beside this program is no part of it: nothing is imported from there.
    # These two modules are inside Python itself.
    _beside = {os.path.dirname(os.path.realpath(__file__)), os.path.realpath("")}
    sys.path[:] = [path for path in sys.path if os.path.realpath(path) not in _beside]
'''
_END = """

if __name__ == "__main__":
    sys.exit(main())
"""


@cache
def one_file() -> str:
    """Return the whole verifier as the text of one Python file."""
    imports: set[str] = set()
    parts: list[str] = []
    homes: dict[str, str] = {}
    for module in _MODULES:
        text = files(PACKAGE).joinpath(f"{module}.py").read_text(encoding="utf-8")
        tree = ast.parse(text)
        for name in _names_of(tree):
            if homes.setdefault(name, module) != module:
                raise ValueError(f"{name} is in {homes[name]} and in {module}")
        parts.append(_body(module, text, tree, imports))
    plain = sorted(line for line in imports if line.startswith("import"))
    chosen = sorted(imports - set(plain))
    return "\n".join([_OPENING, *plain, *chosen, *parts]) + _END


def program() -> bytes:
    """Return the file as it is written, everywhere the same."""
    return one_file().rstrip("\n").encode() + b"\n"


def _body(module: str, text: str, tree: ast.Module, imports: set[str]) -> str:
    """Return a module without its imports, which are gathered, and its first words."""
    lines = text.splitlines()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            ours = isinstance(node, ast.ImportFrom) and PACKAGE in (node.module or "")
            if not ours:
                for name in node.names:
                    imports.add(ast.unparse(_one_import(node, name)))
            lines[node.lineno - 1 : node.end_lineno] = [""] * _height(node)
    opening = tree.body[0]
    lines[: opening.end_lineno] = [""] * _height(opening)
    opening_lines = (ast.get_docstring(tree) or "").split("\n")
    title = "\n".join(f"# {line}".rstrip() for line in opening_lines)
    return f"\n\n# {module}\n{title}\n\n" + _squeezed("\n".join(lines))


def _squeezed(text: str) -> str:
    """Return a text without the gaps that its imports left, and the linter's marks."""
    text = re.sub(r"  # noqa: .*", "", text)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip()


def _one_import(node: ast.Import | ast.ImportFrom, name: ast.alias) -> ast.stmt:
    if isinstance(node, ast.Import):
        return ast.Import([name])
    return ast.ImportFrom(node.module, [name], node.level)


def _height(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _names_of(tree: ast.Module) -> list[str]:
    """Name what a module defines at its top."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [
                leaf.id
                for target in targets
                for leaf in ast.walk(target)
                if isinstance(leaf, ast.Name)
            ]
    return names
