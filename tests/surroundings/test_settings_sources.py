"""Where a setting is wrong, one sentence names its file or its variable."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from billing.credentials import read_secret
from billing.errors import SettingsFault
from billing.settings import read_settings
from billing.settings_sources import MOST_BYTES
from tests.surroundings.reading import as_reader, open_folder

GOOD = """
[ledger]
url = "sqlite:///billing.db"
[stripe]
api_key = "env:STRIPE"
[billing]
first_period = "2026-01"
[[accounts]]
name = "main"
api_key = "env:PAMELA"
customer = "acme"
[[customers]]
name = "acme"
stripe_customer = "cus_1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "billing.toml").write_text(GOOD)
    return tmp_path / "billing.toml"


def refusal(file: Path) -> str:
    with pytest.raises(SettingsFault) as caught:
        read_settings(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("PAMELA_BILLING_LEDGER__URL", "", "the variable is empty"),
        ("PAMELA_BILLING_LEDGER__URL", " ", "the variable is empty"),
        ("PAMELA_BILLING_LOG", "", "the variable is empty"),
        ("PAMELA_BILLING_STRIPE", "", "the variable is empty"),
        ("PAMELA_BILLING_ACCOUNTS", "", "the variable is empty"),
        ("pamela_billing_stripe__rearm", "", "the variable is empty"),
        (
            "PAMELA_BILLING_LEDGER__URL",
            "postgresql://h:port/x",
            "the port is no number",
        ),
        (
            "PAMELA_BILLING_LEDGER__URL",
            "postgresql://u:p@h:1x/x",
            "the port is no number",
        ),
        ("PAMELA_BILLING_STRIPE__BASE_URL", "http://localhost:x", "makes no sense"),
        ("PAMELA_BILLING_STRIPE__REARM", "perhaps", "valid boolean"),
        ("PAMELA_BILLING_STRIPE__EVENTS_PER_SECOND", "many", "valid integer"),
        ("PAMELA_BILLING_STRIPE__METRE", "x", "not permitted"),
    ],
)
def test_a_wrong_variable_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    monkeypatch.setenv(variable, value)
    sentence = refusal(file)
    assert sentence.startswith(f"{variable}: ")
    assert why in sentence
    assert "\n" not in sentence


def test_a_section_that_is_no_json_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAMELA_BILLING_ACCOUNTS", "[main")
    sentence = refusal(file)
    assert sentence.startswith("the environment (PAMELA_BILLING_…): ")
    assert "accounts" in sentence


def test_what_is_wrong_in_the_file_names_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAMELA_BILLING_LOG", "text")
    file.write_text(GOOD.replace("sqlite:///billing.db", "postgresql://h:x1/d"))
    assert refusal(file) == f"{file}: ledger.url: Value error, the port is no number"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x89PNG\r\n\x1a\n\0", "byte 0 is no text"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "without a byte order mark"),
        (GOOD.encode("utf-16"), "without a byte order mark"),
        (GOOD.encode() + b"\0", "bytes, no text"),
        (b"a = " + b"[" * 100_000, "cannot be read"),
    ],
)
def test_a_file_that_is_no_text_is_named(file: Path, content: bytes, why: str) -> None:
    file.write_bytes(content)
    assert refusal(file).startswith(f"{file}: ")
    assert why in refusal(file)


def test_a_folder_and_what_may_not_be_read_are_named(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)
    with open_folder() as folder:
        file = folder / "billing.toml"
        file.write_text(GOOD)
        file.chmod(0o200 if os.geteuid() else 0o600)
        with as_reader():
            assert refusal(file) == f"{file}: it cannot be read: permission denied"


def test_a_file_of_settings_is_read_up_to_its_bound(file: Path) -> None:
    content = f"{GOOD}\n#".encode()
    file.write_bytes(content.ljust(MOST_BYTES, b"x"))
    assert read_settings(file).billing.first_period == "2026-01"
    file.write_bytes(content.ljust(MOST_BYTES + 1, b"x"))
    why = f"it cannot be read: it has more than {MOST_BYTES:,} bytes"
    assert refusal(file) == f"{file}: {why}"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


@pytest.mark.parametrize("place", [pipe, lambda _: Path("/dev/zero")])
def test_what_is_no_regular_file_is_never_waited_for(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    path = place(tmp_path)
    assert refusal(path) == f"{path}: it cannot be read: it is no regular file"
    with pytest.raises(SettingsFault, match=r"^x: cannot read .*is no regular file"):
        read_secret(f"file:{path}", where="x", folder=tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xef\xbb\xbfsk_test_1", "byte order mark"),
        (b"\xff\xfes\0k\0", "byte order mark"),
        (b"\x80key", "byte 0 is no text"),
        (b"sk_test_1\nsk_test_2", "not one line of printable ASCII"),
        ("sk_tést".encode(), "not one line of printable ASCII"),
        (b" \n", "is empty"),
        (b"k" * 65_537, "has more than 65,536 bytes"),
    ],
)
def test_a_secret_that_is_no_text_is_named(
    tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SettingsFault, match=f"stripe.api_key: .*key.*{why}") as caught:
        read_secret("file:key", where="stripe.api_key", folder=tmp_path)
    assert "sk_" not in str(caught.value)


def test_an_empty_variable_of_a_secret_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, how in ((None, "not set"), ("", "empty"), ("\n", "empty")):
        if value is not None:
            monkeypatch.setenv("STRIPE", value)
        with pytest.raises(SettingsFault, match=f"variable STRIPE is {how}"):
            read_secret("env:STRIPE", where="stripe.api_key", folder=tmp_path)
    monkeypatch.setenv("STRIPE", " sk_test_1\n")
    secret = read_secret("env:STRIPE", where="stripe.api_key", folder=tmp_path)
    assert secret == SecretStr("sk_test_1")
