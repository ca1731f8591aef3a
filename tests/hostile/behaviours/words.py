"""Bad answers in HTTP: statuses, redirects, and bodies that are no good document."""

import json
from collections.abc import Callable

from tests.hostile.behaviours.talk import Talk

Play = Callable[[Talk], None]
YEAR = "31536000"
HTML = b"<!doctype html><title>Sign in</title><p>Who are you?</p>"


def said(body: bytes, status: int = 200, **headers: str) -> Play:
    """Answer with a body."""
    return lambda talk: talk.reply(body, status, **headers)


def refused(status: int, error: object, **headers: str) -> Play:
    """Answer with an error as both APIs word one, more or less."""
    return said(json.dumps({"error": error}).encode(), status, **headers)


def to(place: str, status: int = 302) -> Play:
    """Point elsewhere."""
    return lambda talk: talk.reply(b"{}", status, Location=place)


def to_itself(talk: Talk) -> None:
    """Point to where the request came, for ever."""
    talk.reply(b"{}", 307, Location=f"{talk.asked.path}?{talk.asked.query}")


def honest_with(**headers: str) -> Play:
    """Answer well, with odd headers."""
    return lambda talk: talk.reply(talk.words(), **headers)


def nested(deep: int) -> bytes:
    """Word a list in a list in a list."""
    return b"[" * deep + b"]" * deep


WORDS: dict[str, Play] = {
    "moves for good": to("http://127.0.0.1:9/v1/x", 301),
    "redirects elsewhere": to("http://127.0.0.1:9/", 302),
    "redirects to itself": to_itself,
    "redirects to a file": to("file:///etc/passwd", 303),
    "redirects to no URL": to("//[::bad", 308),
    "redirects nowhere": said(b"", 307),
    "says that nothing changed": said(b"", 304),
    "says that it has no content": lambda talk: talk.send(talk.head(204) + b"\r\n"),
    "answers an empty body": said(b""),
    "refuses without a word (400)": said(b"", 400),
    "refuses the key in HTML (401)": said(HTML, 401),
    "forbids in HTML (403)": said(HTML, 403),
    "refuses the key (401)": refused(401, {"type": "invalid_request_error"}),
    "forbids (403)": refused(403, {"message": "not with this key"}),
    "forbids an invalid request (403)": refused(403, {"type": "invalid_request_error"}),
    "does not find, in HTML (404)": said(HTML, 404),
    "conflicts (409)": refused(409, {"message": "busy"}),
    "limits for a year (429)": refused(429, {"message": "slow"}, Retry_After=YEAR),
    "limits until the year 9999": said(
        b"{}",
        429,
        Retry_After="Fri, 31 Dec 9999 23:59:59 GMT",
        Date="Tue, 10 Mar 2026 12:00:00 GMT",
    ),
    "limits for 4,000 digits": said(b"{}", 429, Retry_After="9" * 4_000),
    "limits for -1 seconds": said(b"{}", 429, Retry_After="-1"),
    "limits for NaN seconds": said(b'{"details": {"retry_after": NaN}}', 429),
    "fails (500)": said(b"oops", 500),
    "fails in HTML (502)": said(HTML, 502),
    "is down for a year (503)": said(b"", 503, Retry_After=YEAR),
    "asks to be asked again": said(b"{}", 500, Stripe_Should_Retry="true"),
    "refuses with a list": refused(400, []),
    "refuses with null": refused(400, None),
    "refuses with a text": refused(400, "no"),
    "refuses with words of all types": refused(
        400, {"message": {"a": 1}, "code": [], "type": {}, "param": 7}
    ),
    "refuses in a megabyte": refused(400, {"message": "x" * 1_000_000}),
    "fails in a megabyte": refused(500, {"message": "x" * 1_000_000}),
    "refuses 200 levels deep": said(b'{"error":' + nested(200) + b"}", 400),
    "refuses in 60,000 parts": said(
        b'{"error":{"message":[' + b"{}," * 60_000 + b"0]}}", 400
    ),
    "sends HTML": said(HTML),
    "sends null": said(b"null"),
    "sends true": said(b"true"),
    "sends a number": said(b"7"),
    "sends a text": said(b'"text"'),
    "sends a list": said(b"[]"),
    "sends a list of lists": said(b"[[[]]]"),
    "sends an empty object": said(b"{}"),
    "sends NaN": said(b"NaN"),
    "sends Infinity": said(b'{"data": [Infinity, -Infinity, NaN]}'),
    "sends a byte order mark": lambda talk: talk.reply(b"\xef\xbb\xbf" + talk.words()),
    "sends UTF-16": lambda talk: talk.reply(talk.words().decode().encode("utf-16")),
    "sends no UTF-8": said(b'{"id": "\xff\xfe"}'),
    "sends half of its JSON": lambda talk: talk.reply(talk.words()[:-3]),
    "sends its JSON twice": lambda talk: talk.reply(talk.words() * 2),
    "nests 60 levels deep": said(nested(60)),
    "nests 900 levels deep": said(nested(900)),
    "nests 100,000 levels deep": said(nested(100_000)),
    "nests objects 100,000 deep": said(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "sends 5,000 digits": said(b'{"a": ' + b"9" * 5_000 + b"}"),
    "sends a megabyte of digits": said(b'{"a": ' + b"9" * 900_000 + b"}"),
    "sends 300,000 objects": said(b"[" + b"{}," * 300_000 + b"{}]"),
    "sends 900,000 numbers": said(b"[" + b"0," * 450_000 + b"0]"),
    "sends 5 megabytes": lambda talk: talk.reply(talk.words() + b" " * 5_000_000),
    "sends a text of a megabyte": said(b'{"a": "' + b"x" * 900_000 + b'"}'),
    "sends a date of nonsense": honest_with(Date="Mon, 99 Foo 99999 99:99:99 +9999"),
    "sends a date of the year 1": honest_with(Date="Mon, 01 Jan 0001 00:00:00 +2359"),
    "sends a long request id": honest_with(Request_Id="r" * 60_000),
    "sends an odd content type": honest_with(Content_Type="text/\xe9; charset=utf-7"),
}
