"""Rules of the listing: how many files a folder has, and that no name stands twice."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tests.tidy.source import Source

MOST_FILES = 15
# One noun of the field a file, or what is joined or run in order; their flat tests.
FLAT = {
    "billing/domain",
    "billing/verifier",
    "client/pamela",
    "migrations/versions",
    "tests/client",
    "tests/domain",
    "tests/verifier",
}
# What stands for something else has its names: the outside world, and the proof.
MIRRORS = {"sandbox", "verifier"}
# Pamela's side of the sandbox and Stripe's are asked, answered and kept alike.
MIRRORED_MODULES = {
    "destinations",
    "errors",
    "faults",
    "request",
    "routes",
    "state",
    "subscriptions",
    "truth",
    "webhooks",
}


def crowded_folders(paths: Iterable[PurePosixPath]) -> Iterator[str]:
    """A folder is seen at a glance."""
    counts = Counter(str(path.parent) for path in paths)
    for folder, count in sorted(counts.items()):
        if count > MOST_FILES and folder not in FLAT:
            yield f"{folder} has {count} files, over {MOST_FILES}; split it"


def repeated_classes(sources: Iterable[Source]) -> Iterator[str]:
    """No class name stands twice in the product, nor twice in one mirror of it."""
    places: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        if source.is_product:
            world = f"{source.part}: " if source.part in MIRRORS else ""
            for node in ast.walk(source.tree):
                if isinstance(node, ast.ClassDef):
                    places[world + node.name].append(str(source.path))
    yield from _repeated(places)


def repeated_modules(sources: Iterable[Source]) -> Iterator[str]:
    """No module name stands twice within a layer, mirrors apart."""
    places: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        name = source.path.stem
        mirrored = source.part == "sandbox" and name in MIRRORED_MODULES
        if source.is_product and name != "__init__" and not mirrored:
            places[f"{source.part}: {name}"].append(str(source.path))
    yield from _repeated(places)


def _repeated(places: dict[str, list[str]]) -> Iterator[str]:
    for name, paths in sorted(places.items()):
        if len(paths) > 1:
            yield f"{name} stands in {' and '.join(sorted(paths))}"
