"""Anchors: a head is published as it was signed, or it is said why not."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from billing.domain.signed_head import NONE_BEFORE, Head
from billing.errors import AnchorFault, SettingsFault
from billing.gateways.anchors import make_anchor
from billing.ports import Anchor
from tests.gateways.listener import Listener, listening

# apprise loads a module that Python deprecates, so that it finds its own later.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

HEAD = Head(
    number=7,
    event=41,
    at="2026-03-10T12:00:00+00:00",
    hash="ab" * 32,
    key="cd" * 16,
    previous=NONE_BEFORE,
)
SIGNATURE = "ef" * 64
FILE = "head-00000007.json"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Listener]:
    """Give a server, and credentials that are nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobodys")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    with listening() as listener:
        yield listener


def folder_anchor(folder: Path) -> Anchor:
    return make_anchor("folder:heads", folder, endpoint=None, secret=None)


def bucket_anchor(listener: Listener, place: str) -> Anchor:
    return make_anchor(place, Path(), endpoint=listener.url, secret=None)


def notification_anchor(address: str) -> Anchor:
    secret = SecretStr(address)
    return make_anchor("notify:env:MAIL", Path(), endpoint=None, secret=secret)


def is_published(text: bytes | str) -> bool:
    """Say whether a text holds the line that was signed, and its signature."""
    document: dict[str, str] = json.loads(text)
    return document == {"head": HEAD.line().decode(), "signature": SIGNATURE}


def test_a_folder_keeps_each_head_in_a_file_of_its_own(tmp_path: Path) -> None:
    anchor = folder_anchor(tmp_path)
    anchor.publish(HEAD, SIGNATURE)
    anchor.publish(replace(HEAD, number=8), SIGNATURE)
    names = sorted(path.name for path in (tmp_path / "heads").iterdir())
    assert names == [FILE, "head-00000008.json"]
    assert is_published((tmp_path / "heads" / FILE).read_text())


def test_the_same_head_again_changes_nothing(tmp_path: Path) -> None:
    anchor = folder_anchor(tmp_path)
    anchor.publish(HEAD, SIGNATURE)
    before = (tmp_path / "heads" / FILE).stat()
    anchor.publish(HEAD, SIGNATURE)
    assert (tmp_path / "heads" / FILE).stat() == before


@pytest.mark.parametrize("other", [b"", b"{}", b"\xff", None])
def test_another_head_of_that_number_is_never_overwritten(
    tmp_path: Path, other: bytes | None
) -> None:
    anchor, file = folder_anchor(tmp_path), tmp_path / "heads" / FILE
    anchor.publish(replace(HEAD, hash="12" * 32), SIGNATURE)
    if other is not None:
        file.write_bytes(other)
    before = file.read_bytes()
    with pytest.raises(AnchorFault, match="the anchor folder:heads: "):
        anchor.publish(HEAD, SIGNATURE)
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_a_fault_of_the_anchor(tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("a file")
    with pytest.raises(AnchorFault, match="cannot be written"):
        folder_anchor(tmp_path).publish(HEAD, SIGNATURE)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("s3://books/audit/heads/", f"/books/audit/heads/{FILE}"),
        ("s3://books", f"/books/{FILE}"),
    ],
)
def test_a_bucket_is_given_each_head(listener: Listener, place: str, path: str) -> None:
    bucket_anchor(listener, place).publish(HEAD, SIGNATURE)
    [(method, heard, body)] = listener.heard
    assert (method, heard.split("?")[0]) == ("PUT", path)
    assert is_published(body)


def test_a_bucket_that_refuses_is_a_fault_of_the_anchor(listener: Listener) -> None:
    listener.status = 403
    with pytest.raises(AnchorFault, match=r"the anchor s3://books: .*403"):
        bucket_anchor(listener, "s3://books").publish(HEAD, SIGNATURE)
    assert len(listener.heard) == 1


def test_a_message_holds_the_head_and_its_signature(listener: Listener) -> None:
    notification_anchor(f"json://localhost:{listener.port}/").publish(HEAD, SIGNATURE)
    [(method, _path, body)] = listener.heard
    message = json.loads(body)
    assert method == "POST"
    assert message["title"] == "pamela-billing: head 7 of the audit trail"
    assert is_published(message["message"])


def test_a_message_that_is_not_taken_is_a_fault_that_keeps_the_address(
    listener: Listener,
) -> None:
    listener.status = 500
    address = f"json://user:password@localhost:{listener.port}/"
    with pytest.raises(AnchorFault) as raised:
        notification_anchor(address).publish(HEAD, SIGNATURE)
    assert str(raised.value) == "the anchor notify:env:MAIL: the message was not taken"
    assert listener.heard


def test_an_address_that_nobody_knows_is_a_fault_of_the_anchor() -> None:
    with pytest.raises(AnchorFault, match="the message was not taken"):
        notification_anchor("nothing-of-the-kind://x").publish(HEAD, SIGNATURE)


@pytest.mark.parametrize(
    "place", ["", "heads", "s3://", "s3:///prefix", "ftp://x/y", "notify:env:MAIL"]
)
def test_a_place_of_no_known_kind_is_refused(place: str) -> None:
    with pytest.raises(SettingsFault, match=r"audit\.anchors: .*give folder:PATH"):
        make_anchor(place, Path(), endpoint=None, secret=None)
