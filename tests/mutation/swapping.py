"""Puts a mutant's code into a process: into living functions, or at the import."""

import gc
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import _lru_cache_wrapper
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

OURS = {"billing", "pamela", "tests"}


class LivingCode:
    """The functions of some files, and the caches that remember their answers."""

    def __init__(self, files: set[str]) -> None:
        self._functions: dict[str, list[FunctionType]] = defaultdict(list)
        self._caches = caches_of_ours()
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename in files:
                self._functions[each.__code__.co_filename].append(each)

    def swap(self, file: Path, old: CodeType, new: CodeType) -> None:
        """Give each function of a file its new code; nothing old is remembered."""
        codes = _pairs(old, new)
        for function in self._functions[str(file)]:
            code = function.__code__
            for was, becomes in codes.get(_place(code), ()):
                if _text(was) == _text(code):
                    function.__code__ = becomes
                    break
            else:
                raise LookupError(f"no new code for {code.co_qualname}")
        for cache in self._caches:
            cache.cache_clear()


class MutatedImport(MetaPathFinder):
    """Finds one module with other code than its file has."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name = name
        self._code = code

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find the module, and only it."""
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise ImportError(f"{fullname} has no file")
        spec.loader = _MutatedLoader(fullname, spec.origin, self._code)
        return spec


class _MutatedLoader(SourceFileLoader):
    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        """Return the other code."""
        return self._code


def caches_of_ours() -> "list[_lru_cache_wrapper[object]]":
    """Return what remembers answers of our functions."""
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, _lru_cache_wrapper) and _is_ours(each)
    ]


def foreign_modules() -> list[str]:
    """Name the modules in this process that none of the mutants can be in."""
    return [name for name in sys.modules if name.partition(".")[0] not in OURS]


def _is_ours(cache: "_lru_cache_wrapper[object]") -> bool:
    wrapped = getattr(cache, "__wrapped__", None)
    return str(getattr(wrapped, "__module__", "")).partition(".")[0] in OURS


def _pairs(
    old: CodeType, new: CodeType
) -> dict[tuple[str, int], list[tuple[CodeType, CodeType]]]:
    """Pair the codes of functions before and after a change, by their place."""
    after: dict[tuple[str, int], list[CodeType]] = defaultdict(list)
    for code in _inner(new):
        after[_place(code)].append(code)
    before: dict[tuple[str, int], list[CodeType]] = defaultdict(list)
    for code in _inner(old):
        before[_place(code)].append(code)
    return {
        place: list(zip(codes, after[place], strict=True))
        for place, codes in before.items()
        if len(codes) == len(after[place])
    }


def _place(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _text(code: CodeType) -> tuple[bytes, bytes]:
    """Return what tells apart two functions that begin in one line.

    Codes themselves are no longer equal once one of them has been run.
    """
    return code.co_code, code.co_linetable


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)
