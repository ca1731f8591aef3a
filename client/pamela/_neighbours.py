"""Other distributions that install the same import name."""

import os
import sys
import warnings
from collections.abc import Iterable

# The official SDK, and a binding of PAM.
OTHERS = ("thisispamela", "pamela")


class PackageConflictWarning(UserWarning):
    """Another distribution's files may be mixed with ours, or hidden by them."""


def find_others(folders: Iterable[str]) -> list[str]:
    """Name the distributions in some folders that are called `pamela` too."""
    # importlib.metadata would say the same, ten times more slowly.
    distributions = set()
    for folder in folders:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        distributions |= {
            name.split("-")[0].lower()
            for name in names
            if name.endswith((".dist-info", ".egg-info"))
        }
    return [name for name in OTHERS if name in distributions]


def warn_of_others() -> None:
    """Say once which other distributions claim the import name."""
    others = find_others(sys.path)
    if others:
        warnings.warn(
            f"{' and '.join(others)} is installed too, under the same import name "
            "'pamela' as pamela-billing; uninstall it, then reinstall pamela-billing",
            PackageConflictWarning,
            stacklevel=3,
        )
