"""Anchors: where the heads of the audit trail are published, out of our own reach."""

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from billing.domain.signed_head import Head
from billing.errors import AnchorFault, SettingsFault
from billing.files.atomic_file import replace_file
from billing.files.bounded_file import read_bounded
from billing.gateways.word_gate import WordGate
from billing.ports import Anchor

FOLDER, S3, NOTIFY = "folder:", "s3://", "notify:"
MOST_BYTES = 65_536  # of a head that is published


def make_anchor(
    place: str,
    folder: Path,
    *,
    endpoint: str | None,
    secret: SecretStr | None,
    gate: WordGate | None = None,
) -> Anchor:
    """Return the anchor that the settings name; raises SettingsFault.

    `secret` is the notification's address, for a place that begins with notify:.
    """
    return GatedAnchor(_anchor(place, folder, endpoint, secret), gate or WordGate())


def _anchor(
    place: str, folder: Path, endpoint: str | None, secret: SecretStr | None
) -> Anchor:
    if place.startswith(FOLDER):
        return FolderAnchor(place, folder / place.removeprefix(FOLDER))
    if place.startswith(S3) and urlsplit(place).netloc and "@" not in place:
        return BucketAnchor(place, endpoint)
    if place.startswith(NOTIFY) and secret is not None:
        return NotificationAnchor(place, secret.get_secret_value())
    # The place itself may hold a password, so it is not repeated.
    raise SettingsFault(
        "audit.anchors", "give folder:PATH, s3://BUCKET/PREFIX or notify:env:NAME"
    )


def published_text(head: Head, signature: str) -> str:
    """Return a head as it is published: the line that is signed, and its signature."""
    document = {"head": head.line().decode("ascii"), "signature": signature}
    return json.dumps(document) + "\n"


class GatedAnchor:
    """An anchor behind the word gate, since a bucket and a mail server speak too."""

    def __init__(self, anchor: Anchor, gate: WordGate) -> None:
        self._anchor, self._gate = anchor, gate

    @property
    def name(self) -> str:
        """What people call it."""
        return self._anchor.name

    def publish(self, head: Head, signature: str) -> None:
        """Publish a head; raises AnchorFault."""
        with self._gate.faults():
            self._anchor.publish(head, signature)


class FolderAnchor:
    """Writes each head to a file of its own, which is never overwritten."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder

    def publish(self, head: Head, signature: str) -> None:
        """Publish a head; raises AnchorFault."""
        path = self._folder / f"head-{head.number:08}.json"
        text = published_text(head, signature)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                if read_bounded(path, MOST_BYTES) == text.encode("ascii"):
                    return
                raise AnchorFault(self.name, f"{path.name} is there, with another head")
            replace_file(path, text.encode("ascii"))
        except OSError as fault:
            raise AnchorFault(self.name, f"cannot be written: {fault}") from fault


class BucketAnchor:
    """Puts each head into an S3-compatible bucket; credentials are found by boto3."""

    def __init__(self, name: str, endpoint: str | None) -> None:
        self.name = name
        self._endpoint = endpoint
        place = urlsplit(name)
        self._bucket, self._prefix = place.netloc, place.path.strip("/")

    def publish(self, head: Head, signature: str) -> None:
        """Publish a head; raises AnchorFault."""
        try:
            import boto3  # noqa: PLC0415 # an extra, and slow to import
            from botocore.config import Config  # noqa: PLC0415 # likewise
            from botocore.exceptions import (  # noqa: PLC0415 # likewise
                BotoCoreError,
                ClientError,
            )
        except ImportError:
            raise AnchorFault(
                self.name, "boto3 is not installed: `pip install pamela-billing[s3]`"
            ) from None
        key = "/".join(filter(None, (self._prefix, f"head-{head.number:08}.json")))
        patience = Config(
            connect_timeout=5, read_timeout=10, retries={"max_attempts": 2}
        )
        try:
            client: Any = boto3.client(
                "s3", endpoint_url=self._endpoint, config=patience
            )
            client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=published_text(head, signature).encode("ascii"),
                ContentType="application/json",
            )
        except (BotoCoreError, ClientError, OSError, ValueError) as fault:
            raise AnchorFault(self.name, str(fault)) from fault


class NotificationAnchor:
    """Sends each head as a message, by mail or chat, through apprise."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._address = address

    def publish(self, head: Head, signature: str) -> None:
        """Publish a head; raises AnchorFault."""
        try:
            import apprise  # noqa: PLC0415 # an extra, and slow to import
        except ImportError:
            raise AnchorFault(
                self.name,
                "apprise is not installed: `pip install pamela-billing[notify]`",
            ) from None
        # What its libraries warn of would go past us, to standard error.
        for library in ("apprise", "urllib3", "requests"):
            logging.getLogger(library).addHandler(logging.NullHandler())
        messenger = apprise.Apprise()
        title = f"pamela-billing: head {head.number} of the audit trail"
        try:
            sent = messenger.add(self._address) and messenger.notify(
                title=title, body=published_text(head, signature)
            )
        except (OSError, ValueError) as fault:
            raise AnchorFault(self.name, str(fault)) from fault
        if not sent:
            raise AnchorFault(self.name, "the message was not taken")
