"""Output that cannot be written: the work is done to its end, and the loss is told."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from billing.output import LossyFile, limit_patience, new_losses, unfailing_output
from tests.cli.desk import HOUR, Desk, command_line
from tests.waiting import wait_until

PATIENCE_SECONDS = 60


def run_into(
    desk: Desk, output: IO[bytes] | int, *args: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process whose standard output is this."""
    return subprocess.run(
        command_line(*args, "--settings", str(desk.settings_file)),
        stdout=output,
        stderr=subprocess.PIPE,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def closed_pipe() -> int:
    """Return the end of a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def synced(desk: Desk) -> int:
    """Count the events that are on the meter."""
    rows = desk.query("SELECT count(*) FROM meter_event WHERE state = 'synced'")
    return int(rows[0][0])


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("sink", ["/dev/full", "a closed pipe"])
def test_a_run_bills_to_the_last_step(
    desk: Desk, options: list[str], sink: str
) -> None:
    descriptor = (
        closed_pipe() if sink == "a closed pipe" else os.open(sink, os.O_WRONLY)
    )
    try:
        run = run_into(desk, descriptor, "run", *options)
    finally:
        os.close(descriptor)
    [sentence] = run.stderr.decode().splitlines()
    assert sentence.startswith("pamela-billing: standard output: ")
    assert "could not be written" in sentence
    assert run.returncode == 1
    assert synced(desk) > 0
    assert desk.json("status")["rows"]["pending"] == 0


def test_a_run_whose_output_and_error_are_both_gone_says_it_by_its_exit_code(
    desk: Desk,
) -> None:
    with Path("/dev/full").open("wb") as full:
        line = command_line("run", "--settings", str(desk.settings_file))
        process = subprocess.run(line, stdout=full, stderr=full, check=False)
    assert process.returncode == 1
    assert synced(desk) > 0


def test_a_run_without_any_output_is_told_by_standard_error(desk: Desk) -> None:
    line = command_line("run", "--settings", str(desk.settings_file))
    process = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *line],  # any shell will do
        stderr=subprocess.PIPE,
        check=False,
    )
    assert b"it is closed" in process.stderr
    assert process.returncode == 1
    assert synced(desk) > 0


def test_a_fault_is_told_on_standard_error_when_its_document_is_lost(
    desk: Desk,
) -> None:
    with Path("/dev/full").open("wb") as full:
        process = run_into(desk, full, "explain", "no-such-call", "--json")
    assert process.returncode == 2
    [sentence] = process.stderr.decode().splitlines()
    assert "no-such-call" in sentence
    assert "standard output" in sentence


@pytest.mark.parametrize("reader", ["goes away", "stops to read"])
def test_a_daemon_goes_on_without_the_reader_of_its_log(
    desk: Desk, reader: str
) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as log:
        daemon = subprocess.Popen(
            command_line("daemon", "--settings", str(desk.settings_file)),
            stdout=write_end,
            stderr=subprocess.PIPE,
        )
        try:
            while json.loads(log.readline())["step"] != "cycle":
                pass
            before = synced(desk)
            if reader == "goes away":
                log.close()
            else:
                os.set_blocking(write_end, False)
                while True:
                    try:
                        os.write(write_end, b"x" * 4_096)
                    except BlockingIOError:
                        break
                os.set_blocking(write_end, True)
            desk.sandbox.clock.advance(10 * HOUR)
            wait_until(lambda: synced(desk) > before)
            assert daemon.stderr
            assert b"billing goes on" in daemon.stderr.readline()
            desk.sandbox.clock.advance(10 * HOUR)
            assert b"billing goes on" in daemon.stderr.readline()
            [(errors,)] = desk.query(
                "SELECT errors FROM cycle_run WHERE finished_at IS NOT NULL "
                "ORDER BY id DESC LIMIT 1"
            )
            assert "standard output: " in errors
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_SECONDS) == 1
        finally:
            daemon.kill()
            daemon.communicate()
            os.close(write_end)


def test_what_is_lost_is_counted_once() -> None:
    file = LossyFile("the log", None)
    assert file.write(b"one\ntwo\n") == 8
    assert file.write(b"a part") == 6
    assert file.new_loss() == "the log: 3 lines could not be written (it is closed)"
    assert file.new_loss() is None


def test_the_streams_are_as_they_were_afterwards() -> None:
    plain = sys.stdout
    with unfailing_output():
        limit_patience(1)
        assert sys.stdout is not plain
        assert new_losses() == []
    assert sys.stdout is plain


def test_a_sign_that_the_terminal_does_not_have_is_written_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(memory, encoding="ascii"))
    with unfailing_output():
        sys.stdout.write("✓ done\n")
    assert memory.getvalue() == b"\\u2713 done\n"
