"""Bad documents: an honest one of which every number, text, time or list is spoiled."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from tests.hostile.behaviours.talk import Talk

Play = Callable[[Talk], None]
Change = Callable[[Any], Any]
FAR_TIMES = (-1, 10**10, 253_402_300_800, 10**13, 10**18, 10**30)
NUMBERS: tuple[Any, ...] = (
    -1,
    0.5,
    1e300,
    5e-324,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    True,
    None,
    [],
    {},
    "7",
    "",
    "1e999999999",
    "-1E+999999999",
    "1e-999999999",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "9" * 5_000,
)
FLAGS: tuple[Any, ...] = (None, 1, "true", [])
LISTS: tuple[Any, ...] = (None, {}, "x", 7, [None], [[]], ["x"], [7])
OBJECTS: tuple[Any, ...] = (None, [], "x", 7, {})
TEXTS = ("", "x" * 5_000, "x" * 200_000, "a\0b", "..", "/../../v1/x", "@evil/", 7, None)
ROWS = ("data", "items")
MOMENTS = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2026-03-10T12:00:00",
    "\u0662\u0660\u0662\u0666-03-10T12:00:00Z",
)


def everywhere(document: Any, change: Change) -> Any:
    """Change every leaf and container, from the innermost outward."""
    if isinstance(document, dict):
        document = {key: everywhere(value, change) for key, value in document.items()}
    elif isinstance(document, list):
        document = [everywhere(value, change) for value in document]
    return change(document)


def each_of(kind: type, value: Any) -> Change:
    """Replace everything of a kind."""
    return lambda part: deepcopy(value) if type(part) is kind else part


def is_moment(part: Any) -> bool:
    """Say whether a text is a time."""
    return isinstance(part, str) and part[:4].isdecimal() and "T" in part


def each_moment(value: str) -> Change:
    """Replace every time that is a text."""
    return lambda part: value if is_moment(part) else part


def each_second(value: int) -> Change:
    """Replace every time in seconds."""
    is_time = range(10**9, 10**10)
    return lambda part: value if type(part) is int and part in is_time else part


def doubled(part: Any) -> Any:
    """Say every row twice."""
    return part * 2 if isinstance(part, list) else part


def without(key: str) -> Change:
    """Leave a key out, wherever it stands."""

    def change(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: value for name, value in part.items() if name != key}
        return part

    return change


def other_mode(part: Any) -> Any:
    """Claim to be live."""
    if isinstance(part, dict) and "livemode" in part:
        return part | {"livemode": True}
    return part


def other_name(part: Any) -> Any:
    """Answer about something else."""
    if isinstance(part, dict):
        named = {"id", "identifier"} & part.keys()
        return part | dict.fromkeys(named, "another")
    return part


def unknown_fields(part: Any) -> Any:
    """Say much that nobody asked."""
    if isinstance(part, dict):
        return part | {f"new_{number}": [number, None, {}] for number in range(20)}
    return part


def said(change: Change) -> Play:
    """Answer with a changed document, which may hold what JSON has no word for."""

    def play(talk: Talk) -> None:
        talk.reply(json.dumps(everywhere(talk.document, change)).encode())

    return play


def keys_twice(talk: Talk) -> None:
    """Name the first key of the answer twice, with two values."""
    words = talk.words()
    if isinstance(talk.document, dict) and talk.document:
        first = json.dumps(next(iter(talk.document)))
        words = words[:-1] + f", {first}: 7}}".encode()
    talk.reply(words)


def paged(changes: Callable[[Talk], dict[str, Any]]) -> Play:
    """Answer with a page whose words about other pages are changed."""

    def play(talk: Talk) -> None:
        document = talk.document
        if isinstance(document, dict):
            document = {**document, **changes(talk)}
        talk.reply(json.dumps(document).encode())

    return play


def fresh_rows(talk: Talk) -> dict[str, Any]:
    """Give every row of a page a name that was never there."""
    document = talk.document
    for key in ROWS:
        rows = document.get(key)
        if isinstance(rows, list) and rows:
            row = rows[-1]
            names = [f"row_{talk.number}_{place}" for place in range(100)]
            return {key: [row | {"id": name} for name in names]}
    return {}


def more(talk: Talk, link: object = None) -> dict[str, Any]:
    """Say that there is more, in the words of either API."""
    document = talk.document
    words: dict[str, Any] = {}
    if "has_more" in document:
        words["has_more"] = True
    if "next_page_url" in document:
        own = f"{talk.asked.path}?page={talk.number}"
        words["next_page_url"] = own if link is None else link
    return words


def total(value: object) -> Play:
    """Lie about how many there are."""
    return paged(lambda talk: {"total": value} if "total" in talk.document else {})


PAGES: dict[str, Play] = {
    "repeats a page for ever": paged(more),
    "gives new pages for ever": paged(lambda talk: more(talk) | fresh_rows(talk)),
    "gives growing pages for ever": paged(
        lambda talk: (
            more(talk)
            | fresh_rows(talk)
            | ({"total": 100 * talk.number + 200} if "total" in talk.document else {})
        )
    ),
    "gives empty pages for ever": paged(
        lambda talk: more(talk) | {key: [] for key in talk.document if key in ROWS}
    ),
    "links to elsewhere": paged(lambda talk: more(talk, "http://127.0.0.1:9/v2/x")),
    "links to another host": paged(lambda talk: more(talk, "@127.0.0.1:9/v2/x")),
    "links to another path": paged(lambda talk: more(talk, "/v1/customers?x=1")),
    "links with a number": paged(lambda talk: more(talk, 7)),
    "lies about its total: none": total(0),
    "lies about its total: far more": total(10**12),
    "lies about its total: below zero": total(-5),
    "lies about its total: 10^30": total(10**30),
    "says neither yes nor no to more": paged(
        lambda talk: {"has_more": "maybe"} if "has_more" in talk.document else {}
    ),
}


def _plays() -> Iterator[tuple[str, Play]]:
    for number in NUMBERS:
        shown = json.dumps(number)[:24]
        yield f"every number is {shown}", said(each_of(int, number))
    for text in TEXTS:
        shown = json.dumps(text)[:16]
        yield f"every text is {shown} ({len(str(text))})", said(each_of(str, text))
    for seconds in FAR_TIMES:
        yield f"every time is second {seconds}", said(each_second(seconds))
    for moment in MOMENTS:
        yield f"every time is {ascii(moment)[1:28]}", said(each_moment(moment))
    for value in FLAGS:
        yield f"every flag is {json.dumps(value)}", said(each_of(bool, value))
    for value in LISTS:
        yield f"every list is {json.dumps(value)}", said(each_of(list, value))
    for value in OBJECTS:
        yield f"every object is {json.dumps(value)}", said(each_of(dict, value))
    for key in ("id", "livemode", "data", "items", "has_more", "created", "object"):
        yield f"nothing says its {key}", said(without(key))
    yield "says every row twice", said(doubled)
    yield "says a key twice", keys_twice
    yield "answers in the other mode", said(other_mode)
    yield "answers about another", said(other_name)
    yield "says much unasked", said(unknown_fields)


DOCUMENTS: dict[str, Play] = {**PAGES, **dict(_plays())}
