"""A clean environment with nothing but what the client needs can use the client."""

import sys
from pathlib import Path

from tests.client.official import run

ROOT = Path(__file__).parents[2]
# Of what the wheel asks for, what `import pamela` and a request need.
NEEDS = ["httpx2", "tenacity"]
PROGRAM = """
import pamela
client = pamela.PamelaClient("pk_live_1", "http://127.0.0.1:9", retries=None)
try:
    client.get_call("call_1")
except pamela.PamelaConnectionError as error:
    print(pamela.__version__, type(error).__name__)
for name in pamela.__all__:
    getattr(pamela, name)
"""


def test_the_wheel_s_client_works_with_only_what_the_client_needs(
    tmp_path: Path,
) -> None:
    run("uv", "build", "--quiet", "--wheel", "-o", str(tmp_path), cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    run("uv", "venv", "--quiet", "--python", sys.executable, "env", cwd=tmp_path)
    python = str(tmp_path / "env" / "bin" / "python")
    install = ["uv", "pip", "install", "--quiet", "--python", python]
    run(*install, *NEEDS, cwd=tmp_path)
    run(*install, "--no-deps", str(wheel), cwd=tmp_path)
    output = run(python, "-W", "error", "-c", PROGRAM, cwd=tmp_path)
    assert output.strip() == "0.1.0 PamelaConnectionError"
