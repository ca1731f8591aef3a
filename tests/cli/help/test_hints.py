"""Lines to copy start the program as it was started."""

from pathlib import Path

import pytest

from billing.commands.hints import program

UNDER_UV = "UV_RUN_RECURSION_DEPTH"


def test_an_installed_program_is_called_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(UNDER_UV, raising=False)
    assert program() == program(Path("/elsewhere")) == "pamela-billing"


def test_below_uv_run_it_needs_uv_again_and_elsewhere_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = tmp_path / "a project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv(UNDER_UV, "1")
    assert program(Path("demo-1")) == "uv run pamela-billing"
    quoted = f"'{project}'"
    assert program(tmp_path) == f"uv run --project {quoted} pamela-billing"
