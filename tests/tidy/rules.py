"""Rules of one file: each reads it and names what breaks it."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import sha256

from tests.tidy.arguments import named_parameters, plain_arguments
from tests.tidy.source import MAY_IMPORT, Rule, Source, imports_of, part_of

HOMES_OF = {
    "sqlalchemy": {"ledger"},
    "stripe": {"gateways"},
    "tenacity": {"gateways", "pamela"},
}
TIMELESS = {"domain", "ledger", "pipeline", "reports"}
CLOCKS = re.compile(
    r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.time(_ns)?|func\.now)$"
)
VAGUE_NAMES = re.compile(r"(util|helper|service|manager)s?")
# The boundaries: of a job, which logs and stays up, and of a command.
CATCHES_ALL = {"billing/cli.py", "billing/daemon.py"}
FUNCTION_LINES = 50
MODULE_LINES = 300
TEST_LINES = 300


def opening_sentence(source: Source) -> Iterator[str]:
    """Every module opens with a docstring of one sentence."""
    first = (ast.get_docstring(source.tree) or "").split("\n\n")[0]
    if not re.fullmatch(r"\S.*[.?!]", first, re.DOTALL):
        yield "1: opens with no sentence that says its place"
    elif re.search(r"[.?!]\s+[A-Z]", first):
        yield "1: opens with more than one sentence before the first empty line"


def module_length(source: Source) -> Iterator[str]:
    """A module fits into one reading."""
    limit = TEST_LINES if source.path.parts[0] == "tests" else MODULE_LINES
    lines = len(source.text.splitlines())
    if lines > limit:
        yield f"{lines}: {lines} lines, over {limit}; split it by nouns of the field"


def function_length(source: Source) -> Iterator[str]:
    """A function fits on one screen."""
    # A migration lists its tables, column by column.
    if source.path.parts[0] == "migrations":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {lines} lines; split it"


def exact_numbers(source: Source) -> Iterator[str]:
    """The domain counts in integers and Decimals and rounds by name."""
    if source.part != "domain":
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant(value=float()) | ast.Name(id="float"):
                yield f"{node.lineno}: a float; count in integers or Decimals"
            case ast.Attribute(attr="total_seconds"):
                yield f"{node.lineno}: total_seconds is a float; divide with `//`"
            case ast.Call(func=ast.Name(id="round")):
                yield f"{node.lineno}: round() rounds half to even; quantize by name"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield f"{node.lineno}: true division; use `//` or divmod"


def time_as_argument(source: Source) -> Iterator[str]:
    """Below the edges nobody reads a clock: time is an argument."""
    if source.part not in TIMELESS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and CLOCKS.search(ast.unparse(node)):
            yield f"{node.lineno}: {ast.unparse(node)} is a clock; be handed the time"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            clocks = [n.name for n in node.names if n.name in {"time", "time_ns"}]
            yield from (f"{node.lineno}: {n} is a clock" for n in clocks)


def named_failures(source: Source) -> Iterator[str]:
    """Whatever comes is caught in named places only, once in each."""
    if not source.is_product:
        return
    catches = [
        node.lineno
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or "Exception" in names_in(node.type))
    ]
    for line in catches[1:] if str(source.path) in CATCHES_ALL else catches:
        yield f"{line}: catches everything; name the failures, or let them pass"


def names_in(node: ast.expr) -> set[str]:
    """Give the plain names in an expression, BaseException as Exception."""
    names = {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)}
    return {name.removeprefix("Base") for name in names}


def import_table(source: Source) -> Iterator[str]:
    """Imports point inward, as the table says."""
    if not source.is_product:
        return
    if source.part not in MAY_IMPORT:
        yield f"1: the part {source.part} has no row in MAY_IMPORT"
        return
    allowed = MAY_IMPORT[source.part] | {source.part}
    if source.part != "pamela":
        allowed = allowed | {"billing"}
    for line, module in imports_of(source):
        part = part_of(module)
        if module[0] in {"billing", "pamela"} and part not in allowed:
            yield f"{line}: {source.part} may not import {part}"


def library_homes(source: Source) -> Iterator[str]:
    """A library that shapes its users has one home; the domain has none."""
    if not source.is_product:
        return
    for line, (library, *_) in imports_of(source):
        homes = HOMES_OF.get(library, {source.part})
        if source.part not in homes:
            yield f"{line}: {library} is imported only in {' and '.join(sorted(homes))}"
        elif source.part == "domain" and library not in DOMAIN_LIBRARIES:
            yield f"{line}: the domain uses the standard library only, not {library}"


DOMAIN_LIBRARIES = {*sys.stdlib_module_names, "billing"}


def field_names(source: Source) -> Iterator[str]:
    """Files and folders are named by nouns of the field."""
    for name in source.path.parts:
        if VAGUE_NAMES.fullmatch(name.split(".")[0].removeprefix("test_")):
            yield f"1: {name} says nothing; name it by a noun of the field"


def banned_text(pattern: str, complaint: str) -> Rule:
    """Make the rule that no line of any file holds a pattern."""
    banned = re.compile(pattern)

    def rule(source: Source) -> Iterator[str]:
        for number, line in enumerate(source.text.splitlines(), 1):
            if banned.search(line):
                yield f"{number}: {complaint}"

    return rule


HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)
INDEX_OPTION = re.compile(r"(^|[\s-])index-url\b")
# The hosts of package indexes, by digest: a rule that names them would break itself.
INDEX_HOSTS = {
    "3ca29e55be4befa4",
    "8743857e3ea00fd1",
    "8b5bb5eb9d758455",
    "a4aa2ac280bb8d1a",
}


@cache
def is_index_host(host: str) -> bool:
    """Say whether a host belongs to the domain of a package index."""
    domain = ".".join(host.lower().split(".")[-2:])
    return sha256(domain.encode()).hexdigest()[:16] in INDEX_HOSTS


def no_package_index(source: Source) -> Iterator[str]:
    """Nothing names a package index: every user has one of their own."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if INDEX_OPTION.search(line) or any(map(is_index_host, HOST.findall(line))):
            yield f"{number}: names a package index; every user has one of their own"


PYTHON_RULES: dict[str, Rule] = {
    "opening sentence": opening_sentence,
    "module length": module_length,
    "function length": function_length,
    "exact numbers": exact_numbers,
    "time as argument": time_as_argument,
    "named failures": named_failures,
    "import table": import_table,
    "library homes": library_homes,
    "plain arguments": plain_arguments,
    "named parameters": named_parameters,
}
TEXT_RULES: dict[str, Rule] = {
    "field names": field_names,
    "finished work": banned_text(
        r"\b(TO[D]O|FIX[M]E)\b", "unfinished; do it, or write an issue"
    ),
    "no package index": no_package_index,
    "no machine paths": banned_text(
        r"(?<![\w.-])/(work|root|home/\w+|Users/\w+)/", "a path of one machine"
    ),
    "no live secrets": banned_text(
        r"[prs]k_live_[A-Za-z0-9]{16}|whsec_[A-Za-z0-9+/]{24}|AKIA[A-Z0-9]{16}"
        r"|gh[pousr]_[A-Za-z0-9]{30}|BEGIN ([A-Z]+ )?PRIVATE KEY",
        "looks like a live secret",
    ),
}
