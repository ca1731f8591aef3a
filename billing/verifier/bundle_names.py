"""Names in a bundle: its own files, and what a system left beside them."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from billing.verifier.findings import BadRecord, shown
from billing.verifier.shapes import EVENTS, HEADS, LATER_FILES, TABLE_FILES

MANIFEST, SEAL, GUIDE, PROGRAM = (
    "manifest.json",
    "manifest.sig",
    "README.txt",
    "verify.py",
)
NAMES = frozenset(
    {MANIFEST, SEAL, GUIDE, PROGRAM, EVENTS, HEADS, *TABLE_FILES.values()}
)
TABLES = "tables"
# What file managers and archivers write into folders that they were in.
_LEFT_BEHIND = frozenset({".ds_store", "thumbs.db", "desktop.ini", "icon\r"})
_LEFT_FOLDER, _LEFT_BEGINNING = "__MACOSX", "._"


class BundleNames(NamedTuple):
    """Where each file of a bundle lies, and what lies there and is none of it."""

    places: dict[str, str]
    left: list[str]


def sort_names(names: Sequence[str], folders: Collection[str]) -> BundleNames:
    """Tell a bundle's files from what was left there; all may lie in one folder more.

    Raises BadRecord for a name that is none of a bundle, there twice, or missing.
    """
    for name in (*names, *folders):
        if not _stays_inside(name):
            raise BadRecord(shown(name), "no bundle has a file of this name")
    left = [name for name in names if _is_left(name)]
    own = [name for name in names if not _is_left(name)]
    above = _folder_above(own)
    for folder in folders:
        if folder not in {above, f"{above}{TABLES}/"} and not _is_left(folder):
            raise BadRecord(shown(folder), "no bundle has a folder of this name")
    inner = [name.removeprefix(above) for name in own]
    _check_names(inner)
    places = dict(zip(inner, own, strict=True))
    return BundleNames(places, sorted(shown(name) for name in left))


def _stays_inside(name: str) -> bool:
    """Say whether a name leads nowhere else, on whatever system it is unpacked."""
    parts = name.removesuffix("/").split("/")
    return {"", ".", ".."}.isdisjoint(parts) and {"\\", ":"}.isdisjoint(name)


def _is_left(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    last = parts[-1]
    is_known = last.lower() in _LEFT_BEHIND or last.startswith(_LEFT_BEGINNING)
    return is_known or _LEFT_FOLDER in parts[:2]


def _folder_above(names: Collection[str]) -> str:
    """Return the one folder that a bundle lies in, with its slash, or nothing."""
    first = min(names, default="").partition("/")
    above = first[0] + first[1]
    is_above = (
        first[1] == "/"
        and first[0] not in {"", ".", "..", TABLES}
        and f"{above}{MANIFEST}" in names
        and all(name.startswith(above) for name in names)
    )
    return above if is_above else ""


def _check_names(names: list[str]) -> None:
    for name in names:
        if name not in NAMES:
            raise BadRecord(shown(name), "no bundle has a file of this name")
    for name, times in Counter(names).items():
        if times > 1:
            raise BadRecord(name, "it is there twice")
    missing = sorted(NAMES - LATER_FILES - set(names))
    if missing:
        raise BadRecord(missing[0], "it is missing")
