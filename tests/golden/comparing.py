"""Comparing: two folders of golden output, and the differences that are accepted.

A file of acceptances is TOML, with a table for each:

    [[accept]]
    where = "regular expression, found in FILE and PATH"
    before = "regular expression, found in what was before"  # may be left out
    after = "regular expression, found in what is after"     # may be left out
    reason = "why it may differ"
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path
from typing import Any

SCREEN = "screen"
MOST_SHOWN = 200
ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """What differs: the file, the place in it, and both sides."""

    file: str
    path: str
    before: str
    after: str

    def __str__(self) -> str:
        old, new = self.before[:MOST_SHOWN], self.after[:MOST_SHOWN]
        return f"{self.place}\n    - {old}\n    + {new}"

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.file} {self.path}"


@dataclass(frozen=True)
class Acceptance:
    """A pattern of differences that are wanted, and why."""

    where: str
    reason: str
    before: str = ""
    after: str = ""

    def covers(self, one: Difference) -> bool:
        """Say whether a difference is among those."""
        pairs = ((self.where, one.place), (self.before, one.before))
        return all(
            re.search(pattern, text)
            for pattern, text in (*pairs, (self.after, one.after))
        )


def compare(before: Path, after: Path, accept: Path | None, *, screen: bool) -> int:
    """Print what differs and nobody has accepted; 1 if there is any, else 0."""
    for folder in (before, after):
        if not folder.is_dir():
            raise SystemExit(f"{folder} is no folder of golden output")
    accepted: Counter[str] = Counter()
    known = read_acceptances(accept) if accept else []
    left = 0
    for one in differences(before, after, screen=screen):
        for acceptance in known:
            if acceptance.covers(one):
                accepted[acceptance.reason] += 1
                break
        else:
            # What is on the screen is shown for information, and decides nothing.
            left += not one.file.startswith(SCREEN)
            print(one)
    for reason, times in accepted.items():
        print(f"accepted {times} times: {reason}")
    print(f"{left} differences that are not accepted")
    return int(left > 0)


def read_acceptances(file: Path) -> list[Acceptance]:
    """Read a file of acceptances."""
    return [Acceptance(**one) for one in tomllib.loads(file.read_text())["accept"]]


def differences(before: Path, after: Path, *, screen: bool) -> Iterator[Difference]:
    """Find what differs between two folders."""
    names = {
        file.relative_to(folder).as_posix()
        for folder in (before, after)
        for file in folder.rglob("*")
        if file.is_file()
    }
    for name in sorted(names):
        if name.startswith(SCREEN) and not screen:
            continue
        sides = [_read(folder / name) for folder in (before, after)]
        if sides[0] != sides[1]:
            for path, old, new in differ("", *sides):
                yield Difference(name, path, old, new)


def _read(file: Path) -> Any:
    if not file.exists():
        return ABSENT
    text = file.read_text()
    return json.loads(text) if file.suffix == ".json" else text.splitlines()


def differ(path: str, old: Any, new: Any) -> Iterator[tuple[str, str, str]]:
    """Find what differs between two values, down to the single ones."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old | new:
            sides = old.get(key, ABSENT), new.get(key, ABSENT)
            yield from differ(f"{path}/{key}", *sides)
        # The order of names is seen by whoever reads, so it counts.
        if list(old) != list(new) and old.keys() == new.keys():
            yield f"{path}/(order)", ", ".join(old), ", ".join(new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _differ_in_rows(path, old, new)
    elif old != new or type(old) is not type(new):
        yield path, _shown(old), _shown(new)


def _differ_in_rows(
    path: str, old: list[Any], new: list[Any]
) -> Iterator[tuple[str, str, str]]:
    if len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            yield from differ(f"{path}[{at}]", *pair)
        return
    # A row more must not make all rows below it differ.
    olds, news = ([_shown(one) for one in side] for side in (old, new))
    matched = SequenceMatcher(None, olds, news, autojunk=False)
    for kind, a, b, c, d in matched.get_opcodes():
        if kind != "equal":
            pairs = zip_longest(old[a:b], new[c:d], fillvalue=ABSENT)
            for at, pair in enumerate(pairs, start=a):
                yield from differ(f"{path}[{at}]", *pair)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
