"""What can be made wrong at one node of the syntax tree."""

import ast
import copy
from collections.abc import Iterator

NEIGHBOUR: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
OTHER_OPERATOR: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
OTHER_FUNCTION = {"min": "max", "max": "min", "any": "all", "all": "any"}
# What is only told may be dropped: no minute depends on it.
TELLERS = {"log", "logger", "_log", "warnings"}


def replacements(node: ast.AST, *, decides: bool) -> Iterator[ast.AST]:
    """Give what may stand in a node's place; `decides` says that it is a condition."""
    match node:
        case ast.Compare():
            yield from _comparisons(node, decides=decides)
        case ast.BoolOp(op=op):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield ast.BoolOp(op=other, values=node.values)
        case ast.UnaryOp():
            yield from _without_sign(node)
        case ast.BinOp() | ast.AugAssign():
            yield from _arithmetic(node)
        case ast.Constant(value=int(value)):
            yield from map(ast.Constant, _other_numbers(value))
        case ast.Name(id=name) if name in OTHER_FUNCTION:
            yield ast.Name(id=OTHER_FUNCTION[name], ctx=node.ctx)
    if decides:
        yield from (ast.Constant(value=forced) for forced in (True, False))


def statement_replacements(node: ast.stmt) -> Iterator[ast.stmt]:
    """Give what may stand in a whole statement's place."""
    match node:
        case ast.Raise():
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value):
            # Where None would be as good as what is returned, nothing is changed.
            if not (isinstance(value, ast.Constant) and not value.value):
                yield ast.Return(value=ast.Constant(value=None))
        case ast.Expr(value=ast.Call(func=func)):
            if not _only_tells(func):
                yield ast.Pass()


def string_replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Give another word for a word of a closed table; sentences are left alone."""
    match node:
        case ast.Constant(value=str(word)) if word.isprintable() and " " not in word:
            yield ast.Constant(value=f"{word}~")


def _comparisons(node: ast.Compare, *, decides: bool) -> Iterator[ast.Compare]:
    for place, op in enumerate(node.ops):
        neighbours = NEIGHBOUR[type(op)]
        # A condition that is forced either way needs no negation as well.
        if decides and len(node.ops) == 1:
            neighbours = neighbours[:-1]
        for other in neighbours:
            ops = copy.copy(node.ops)
            ops[place] = other()
            yield ast.Compare(left=node.left, ops=ops, comparators=node.comparators)


def _without_sign(node: ast.UnaryOp) -> Iterator[ast.expr]:
    is_number = isinstance(node.operand, ast.Constant)
    if isinstance(node.op, ast.Not | ast.USub) and not is_number:
        yield node.operand


def _arithmetic(node: ast.BinOp | ast.AugAssign) -> Iterator[ast.AST]:
    other = OTHER_OPERATOR.get(type(node.op))
    if other is None:
        return
    if isinstance(node, ast.BinOp):
        yield ast.BinOp(left=node.left, op=other(), right=node.right)
    else:
        yield ast.AugAssign(target=node.target, op=other(), value=node.value)


def _other_numbers(value: int) -> Iterator[int]:
    if isinstance(value, bool):
        yield not value
        return
    yield value + 1
    if value:
        yield value - 1


def _only_tells(func: ast.expr) -> bool:
    return isinstance(func, ast.Attribute) and ast.unparse(func.value) in TELLERS
