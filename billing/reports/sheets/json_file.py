"""JSON: a report's document with its stable names, in UTF-8."""

import json
from collections.abc import Mapping
from pathlib import Path

from billing.domain.foreign_text import each_text, visible_lines
from billing.files.atomic_file import whole_file


def write_json_file(document: Mapping[str, object], target: Path) -> None:
    """Write a document to a file. Raises UnfitTarget or FileFault."""
    text = json.dumps(each_text(document, visible_lines), indent=2, ensure_ascii=False)
    write_bytes_file(f"{text}\n".encode(), target)


def write_bytes_file(content: bytes, target: Path) -> None:
    """Write a file's content. Raises UnfitTarget or FileFault."""
    with whole_file(target) as part:
        part.write_bytes(content)
