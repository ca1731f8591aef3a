"""What lies beside a bundle, or around it, decides nothing and is never run."""

import ast
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from billing.verifier.bundle_names import MANIFEST, PROGRAM, SEAL
from billing.verifier.program import FAILED, report_verification
from billing.verifier.single_file import one_file, program
from tests.tamper.bundles import Original, pack, packed, sign
from tests.tamper.zip_tricks import ZIP_TRICKS

LEFT = [".DS_Store", "tables/.DS_Store", "Thumbs.db", "__MACOSX/._manifest.json"]


def verdict(path: Path) -> tuple[str, str]:
    """Verify; returns the verdict, and all that is said."""
    code, document, lines = report_verification(path)
    assert code in {0, FAILED}
    return str(document["verdict"]), "\n".join(lines)


def write_folder(original: Original, folder: Path) -> Path:
    """Write a bundle's files into a folder."""
    for name, content in original.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


@pytest.mark.parametrize("name", LEFT)
def test_what_a_system_leaves_in_a_zip_is_named(
    original: Original, target: Path, name: str
) -> None:
    said, lines = verdict(pack({**original.files, name: b"\0left"}, target))
    assert said == "PASS"
    assert f"not part of the bundle: {name}" in lines


@pytest.mark.parametrize("name", LEFT)
def test_what_a_system_leaves_in_a_folder_is_named(
    original: Original, tmp_path: Path, name: str
) -> None:
    folder = write_folder(original, tmp_path / "unpacked")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\0left")
    said, lines = verdict(folder)
    assert said == "PASS"
    assert f"not part of the bundle: {name}" in lines


def test_a_bundle_may_lie_in_one_folder_more(
    original: Original, target: Path, tmp_path: Path
) -> None:
    below = {f"audit/{name}": content for name, content in original.files.items()}
    with_folders = {"audit/": b"", "audit/tables/": b"", **below}
    assert verdict(pack(with_folders, target))[0] == "PASS"
    write_folder(original, tmp_path / "above" / "audit")
    assert verdict(tmp_path / "above")[0] == "PASS"


def test_a_second_bundle_beside_the_first_is_none(
    original: Original, target: Path
) -> None:
    two = {f"audit/{name}": content for name, content in original.files.items()}
    said, lines = verdict(pack({**two, MANIFEST: original.files[MANIFEST]}, target))
    assert said == "FAIL"
    assert "no bundle has" in lines


def test_a_pipe_in_a_folder_is_not_opened(original: Original, tmp_path: Path) -> None:
    folder = write_folder(original, tmp_path / "unpacked")
    (folder / SEAL).unlink()
    os.mkfifo(folder / SEAL)
    said, lines = verdict(folder)
    assert said == "FAIL"
    assert "a device or a pipe" in lines


@pytest.mark.parametrize("trick", ZIP_TRICKS)
def test_a_zip_that_two_readers_see_differently_is_refused(
    original: Original, target: Path, trick: str
) -> None:
    target.write_bytes(ZIP_TRICKS[trick](packed(original.files)))
    said, lines = verdict(target)
    assert said == "FAIL"
    assert "it is no whole zip file" in lines


def test_a_zip_that_was_streamed_passes(original: Original, target: Path) -> None:
    class OneWay(io.RawIOBase):
        """A stream that cannot go back, so that sizes follow each file."""

        def __init__(self, file: io.BufferedWriter) -> None:
            self._file = file

        def writable(self) -> bool:
            return True

        def write(self, content: Any) -> int:
            return self._file.write(content)

        def flush(self) -> None:
            if not self._file.closed:
                self._file.flush()

    with target.open("wb") as file, zipfile.ZipFile(OneWay(file), "w") as bundle:
        for name, content in original.files.items():
            bundle.writestr(name, content)
    assert verdict(target)[0] == "PASS"


def test_what_nobody_signed_is_not_parsed(original: Original, target: Path) -> None:
    nested = original.files[MANIFEST][:-3] + b"[" * 500_000
    said, lines = verdict(pack({**original.files, MANIFEST: nested}, target))
    assert said == "FAIL"
    assert "no signature" in lines


def test_a_key_that_is_there_twice_is_refused(original: Original, target: Path) -> None:
    raw = original.files[MANIFEST].replace(b"{", b'{"period": "2026-02",', 1)
    files = {
        **original.files,
        MANIFEST: raw,
        SEAL: f"{original.key.sign(raw).hex()}\n".encode(),
    }
    said, lines = verdict(pack(files, target))
    assert said == "FAIL"
    assert "a key is there twice" in lines


@pytest.mark.parametrize(
    "close",
    [
        {"digest": None, "closed_at": "2026-04-01T00:00:00+00:00", "closed_by": "me"},
        {"digest": None},
        {},
    ],
)
def test_an_open_month_never_reads_frozen(
    bundles: list[Original], target: Path, close: object
) -> None:
    open_month = bundles[0]
    document = {**json.loads(open_month.files[MANIFEST]), "close": close}
    said, lines = verdict(
        pack(sign(open_month.files, document, open_month.key), target)
    )
    assert said == "FAIL"
    assert "another close" in lines


@pytest.mark.parametrize("name", ["closed_at", "closed_by"])
def test_who_closed_a_month_is_as_the_row_says(
    original: Original, target: Path, name: str
) -> None:
    document = json.loads(original.files[MANIFEST])
    document["close"][name] = "somebody"
    said, lines = verdict(pack(sign(original.files, document, original.key), target))
    assert said == "FAIL"
    assert "another close" in lines


@pytest.mark.parametrize("path", ["", ".", "..:unpacked"])
@pytest.mark.parametrize("flags", [[], ["-I"]])
def test_a_module_beside_the_verifier_is_not_run(
    original: Original, tmp_path: Path, flags: list[str], path: str
) -> None:
    folder = write_folder(original, tmp_path / "unpacked")
    for name in ("json", "sqlite3", "zipfile", "argparse", "struct"):
        (folder / f"{name}.py").write_text("open('ran', 'w').close()\n")
    done = subprocess.run(
        [sys.executable, *flags, PROGRAM],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (folder / "ran").exists()
    assert done.returncode == FAILED
    assert "no bundle has a file of this name" in done.stdout


def test_what_an_output_has_no_sign_for_is_an_escape(
    original: Original, tmp_path: Path
) -> None:
    folder = write_folder(original, tmp_path / "\u6708")
    done = subprocess.run(
        [sys.executable, folder / PROGRAM, folder],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("PASS  \\u6708")
    assert done.returncode == 0


def test_an_older_python_is_told_in_one_sentence() -> None:
    text = one_file()
    # It has to compile there, and to say so before it imports what is not there yet.
    tree = ast.parse(text, feature_version=(3, 7))
    check = next(node for node in tree.body if isinstance(node, ast.If))
    before = tree.body[: tree.body.index(check)]
    assert [ast.unparse(node) for node in before[1:]] == ["import os", "import sys"]
    assert "Python 3.11 or newer" in ast.unparse(check)


def test_the_readme_names_the_verifier_of_this_version() -> None:
    digest = hashlib.sha256(program()).hexdigest()
    assert digest in Path("README.md").read_text(encoding="utf-8")
