"""Held secrets: each is called by its name, however it is spelled."""

from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest

from billing.domain.held_secrets import (
    NO_SECRETS,
    HeldSecrets,
    without_secret_forms,
)

KEY = "sk_test_51Abc/def+ghi"
NAMED = "(the secret stripe.api_key)"
SECRETS = HeldSecrets([("stripe.api_key", KEY), ("ledger.url", "hunter2")])


@pytest.mark.parametrize(
    "spelled",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY).lower().replace("sk_test_51abc", "sk_test_51Abc"),
        b64encode(KEY.encode()).decode(),
        b64encode(f"{KEY}:".encode()).decode(),
    ],
)
@pytest.mark.parametrize("sentence", ["{}", "Invalid key: {}.", "a{}b"])
def test_a_secret_is_named_in_each_of_its_spellings(
    spelled: str, sentence: str
) -> None:
    said = sentence.format(spelled)
    assert SECRETS.hidden(said).rstrip("=.b").startswith(sentence[:1].strip("{"))
    assert NAMED in SECRETS.hidden(said)
    assert KEY[8:] not in SECRETS.hidden(said)
    assert SECRETS.name_in(said) == "stripe.api_key"


def test_a_text_that_holds_every_spelling_of_a_secret_holds_none_afterwards() -> None:
    logins = (b"hunter2", b"hunter2:", b":hunter2")
    spellings = ["hunter2", *(b64encode(each).decode().rstrip("=") for each in logins)]
    secrets = HeldSecrets([("ledger.url", "hunter2")])
    told = secrets.hidden(" ".join(spellings))
    assert told == " ".join(["(the secret ledger.url)"] * len(spellings))


def test_a_secret_with_quotes_is_found_where_they_are_escaped() -> None:
    secrets = HeldSecrets([("x", 'a"b\\c"defghij')])
    for said in ('a"b\\c"defghij', '{"k": "a\\"b\\\\c\\"defghij"}'):
        assert "defghij" not in secrets.hidden(said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("user hunter2!", "user (the secret ledger.url)!"),
        ("hunter2", "(the secret ledger.url)"),
        ("hunter22 and xhunter2", "hunter22 and xhunter2"),
    ],
)
def test_a_short_secret_is_looked_for_between_words(said: str, told: str) -> None:
    assert SECRETS.hidden(said) == told


@pytest.mark.parametrize("secret", ["", "a", "abc", " ab "])
def test_what_is_too_short_to_be_a_secret_hides_nothing(secret: str) -> None:
    assert HeldSecrets([("x", secret)]).hidden("a ab abc") == "a ab abc"


def test_the_longer_of_two_secrets_that_begin_alike_is_meant() -> None:
    secrets = HeldSecrets([("one", "key-of-twelve"), ("two", "key-of-twelve-and-more")])
    assert secrets.hidden("key-of-twelve-and-more") == "(the secret two)"


def test_secrets_can_be_put_together() -> None:
    both = SECRETS | HeldSecrets([("other", "another-secret")])
    assert both.name_in("another-secret") == "other"
    assert both.name_in(KEY) == "stripe.api_key"
    assert NO_SECRETS.hidden(KEY) == KEY
    assert NO_SECRETS.name_in(KEY) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("at postgresql+psycopg://u:p@ss/w@h/d.", "at postgresql+psycopg://u:***@h/d."),
        ("http://:p@proxy", "http://:***@proxy"),
        ("postgresql://h/d?password=p&sslmode=x", "postgresql://h/d?password=***&sslmode=x"),
        ("h/d?sslpassword=p", "h/d?sslpassword=***"),
        ("host=h password='p \\' q' user=u", "host=h password=*** user=u"),
        ("PGPASSWORD=p x", "PGPASSWORD=*** x"),
        ("?api_key=p&token=q;access-key=r", "?api_key=***&token=***;access-key=***"),
        ("Invalid API Key: sk_live_0123456789", "Invalid API Key: (a key, withheld)"),
        ("whsec_0123456789abc", "(a key, withheld)"),
        ("Authorization: Bearer abcdef0123", "Authorization: Bearer ***"),
        ("authorization: basic YWJjOjEyMw==", "authorization: basic ***"),
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_form(said: str, told: str) -> None:
    assert without_secret_forms(said) == told


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user@host:5432/d?sslmode=require",
        "http://127.0.0.1:8765/v1/x and a@b.example",
        "Invalid API Key provided: sk_test_********cdef",
        "basic authentication is needed",
        "the password is wrong; the token was refused",
        "passfile=.pgpass",
        "price_1A2b3C4d5E",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert without_secret_forms(text) == text
