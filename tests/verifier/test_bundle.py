"""Bundles: what an auditor does with one, and what the answers are."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from billing.verifier.bundle_names import GUIDE, MANIFEST, NAMES, PROGRAM
from billing.verifier.program import main
from billing.verifier.shapes import LATER_FILES, SHAPES, TABLE_FILES
from billing.verifier.single_file import one_file
from tests.tamper.bundles import Files, Original, pack, read_files, repair, write_paper
from tests.verifier.stories import ledger_on_paper

# Alone: no site-packages, no environment, no folder of ours.
ALONE = [sys.executable, "-I", "-S"]


def run_alone(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a bundle's own verifier with nothing but Python."""
    done = subprocess.run(
        [*ALONE, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def unpack(original: Original, folder: Path) -> Path:
    """Unpack a bundle into an empty folder."""
    with zipfile.ZipFile(pack(original.files, folder / "b.zip")) as bundle:
        bundle.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_verifier_inside_needs_nothing_else(
    original: Original, tmp_path: Path
) -> None:
    code, output = run_alone(unpack(original, tmp_path), PROGRAM)
    assert (code, output[:4]) == (0, "PASS")


def test_the_verifier_inside_reads_the_zip_too(
    original: Original, tmp_path: Path
) -> None:
    alone = tmp_path / "empty"
    alone.mkdir()
    (alone / PROGRAM).write_bytes(original.files[PROGRAM])
    pack(original.files, tmp_path / "b.zip")
    code, output = run_alone(alone, PROGRAM, "../b.zip", "--json")
    document = json.loads(output)
    assert (code, document["verdict"]) == (0, "PASS")
    assert document["usage_rows"] > 0


def test_the_verifier_inside_finds_what_is_wrong(
    original: Original, tmp_path: Path
) -> None:
    folder = unpack(original, tmp_path)
    file = folder / TABLE_FILES["b2b_usage"]
    file.write_bytes(file.read_bytes().replace(b"acme", b"acne", 1))
    code, output = run_alone(folder, PROGRAM)
    assert code == 1
    assert output == f"FAIL  {file.parent.name}/{file.name}: {output.split(': ', 1)[1]}"


def test_one_file_is_the_same_every_time_and_readable() -> None:
    text = one_file()
    assert text.startswith('"""Verify an audit bundle')
    assert "import billing" not in text
    assert "from billing" not in text
    assert max(map(len, text.splitlines())) <= 88
    one_file.cache_clear()
    assert one_file() == text
    compile(text, PROGRAM, "exec")


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        write_paper(ledger_on_paper(5), tmp_path / name).read_bytes()
        for name in ("1", "2")
    )
    assert first == second


def test_the_guide_names_every_file_and_how_to_verify(original: Original) -> None:
    text = original.files[GUIDE].decode()
    for name in NAMES - {GUIDE}:
        assert name in text
    assert "python -I verify.py" in text
    assert original.key.fingerprint in text
    assert "PROVISIONAL" not in text
    assert max(map(len, text.splitlines())) <= 88


def test_an_open_month_is_provisional_wherever_one_looks(
    bundles: list[Original], target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_month = bundles[0]
    assert b"PROVISIONAL" in open_month.files[GUIDE].splitlines()[0]
    assert json.loads(open_month.files["manifest.json"])["provisional"] is True
    assert main([str(pack(open_month.files, target))]) == 0
    assert "PROVISIONAL" in capsys.readouterr().out


def test_the_trusted_key_passes_and_another_does_not(
    original: Original, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(pack(original.files, target))
    assert main([path, "--key", original.key.fingerprint.upper()]) == 0
    assert "whose key that is" not in capsys.readouterr().out
    assert main([path, "--key", "0" * 32]) == 1
    assert "not by the one you trust" in capsys.readouterr().out
    assert main([path]) == 0
    assert "whose key that is, no bundle can show" in capsys.readouterr().out


def test_an_older_bundle_is_the_beginning_of_a_newer_one(
    bundles: list[Original], target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer, stranger = bundles[1], bundles[0]
    path = str(pack(newer.files, target))
    older = str(pack(newer.older, target.with_name("older.zip")))
    assert main([path, "--consistent-with", older]) == 0
    assert "are the beginning of this chain" in capsys.readouterr().out
    assert main([older, "--consistent-with", path]) == 1
    assert "the chain ends before event" in capsys.readouterr().out
    other = str(pack(stranger.files, target.with_name("other.zip")))
    assert main([path, "--consistent-with", other]) == 1
    assert "is another than in other.zip" in capsys.readouterr().out


def test_what_is_wrong_with_an_older_bundle_is_said_of_that_one(
    original: Original, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(pack(original.files, target))
    altered = {**original.older, GUIDE: b"altered\n"}
    older = str(pack(altered, target.with_name("older.zip")))
    assert main([path, "--consistent-with", older]) == 1
    sentence = f"FAIL  the older bundle older.zip, {GUIDE}: "
    assert capsys.readouterr().out.startswith(sentence)


def test_one_call_is_proved_in_words(
    original: Original, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(pack(original.files, target))
    assert main([path, "--call", "call_1"]) == 0
    output = capsys.readouterr().out
    for words in (
        "Call call_1",
        "What Pamela said of it:",
        "revision 1 of account main",
        "What is billed for it:",
        "is among rows 1 to 6, SHA-256",
        "in audit event",
    ):
        assert words in output
    assert main([path, "--call", "nobody"]) == 2
    assert "the bundle holds no call 'nobody'" in capsys.readouterr().out


def test_every_call_can_be_proved(original: Original, target: Path) -> None:
    path = str(pack(original.files, target))
    lines = original.files[TABLE_FILES["call"]].splitlines()[1:]
    for call in {json.loads(line)[2] for line in lines}:
        assert main([path, "--call", call, "--json"]) == 0


def without_later_files(files: Files) -> Files:
    """Return a bundle's files as an older version would have written them."""
    manifest = json.loads(files[MANIFEST])
    for name in LATER_FILES:
        del manifest["files"][name]
    kept = {name: body for name, body in files.items() if name not in LATER_FILES}
    return kept | {MANIFEST: json.dumps(manifest).encode()}


def test_a_bundle_from_before_a_table_came_still_verifies(
    original: Original, target: Path
) -> None:
    older = repair(without_later_files(original.files), original.key)
    assert main([str(pack(older, target))]) == 0


def test_a_file_that_holds_rows_is_missed_however_new_it_is(
    target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = ledger_on_paper(5)
    row = [1, "2026-03-01T00:00:00+00:00", "alice", "it is new", None, 0]
    assert len(row) == len(SHAPES["sole_reporter"].columns)
    paper.commit("meter.sole_reporter", {"sole_reporter": [row]})
    paper.sign()
    files = read_files(write_paper(paper, target))
    assert main([str(target)]) == 0
    older = repair(without_later_files(files), paper.key)
    assert main([str(pack(older, target))]) == 1
    assert "sole_reporter.jsonl" in capsys.readouterr().out
