"""A desk: a folder, a sandbox beside it, and commands whose answers are kept."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.golden.reading import read_file
from tests.golden.stillness import COUNTER

HERE = Path(__file__).parent
PROGRAM = "pamela-billing"
WIDTHS = (80, 200)
LOOKS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
# How long a demonstration took; nobody's clock stands still for that.
SECONDS = re.compile(r"All of it took \d+ s")


@dataclass
class Desk:
    """Where commands are typed, and where their answers are kept."""

    checkout: Path
    folder: Path
    kept: Path
    now: str
    has_screen: bool = True
    url: str = ""
    private: dict[str, str] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        """Make the folders, and let the world's time begin."""
        self.folder.mkdir(parents=True)
        still = self.folder / "still"
        still.mkdir()
        shutil.copy(HERE / "stillness.py", still / "sitecustomize.py")
        (still / "counter").write_bytes(COUNTER.pack(1000.0))
        self.work = self.folder / "desk"
        self.work.mkdir()
        self.environment = {
            "GOLDEN_CHECKOUT": str(self.checkout),
            "GOLDEN_COUNTER": str(still / "counter"),
            "GOLDEN_NOW": self.now,
            "PYTHONPATH": str(still),
            "PYTHONHASHSEED": "0",
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "LOGNAME": "golden",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "xterm",
            "NO_COLOR": "1",
        }
        self.private |= {str(self.folder): "FOLDER", str(self.checkout): "CHECKOUT"}
        self.program = str(self.checkout / ".venv/bin" / PROGRAM)
        self.interpreter = str(self.checkout / ".venv/bin/python")
        self.typist: subprocess.Popen[str] | None = None

    def __call__(self, *words: str, shown: bool = False) -> Any:
        """Type a command with --json, keep its answer and the files that it wrote.

        With `shown` it is typed again without --json, at terminals of two widths.
        """
        before = self._files()
        code, said, complained = self._type([*words, "--json"])
        answer = _parsed(self.plain(said))
        self._keep(words, code, answer, self.plain(complained))
        self._keep_files(before)
        for width in WIDTHS if shown and self.has_screen else ():
            self._show(words, width)
        return answer

    def write(self, *words: str) -> None:
        """Type a command that is not asked for JSON: it prints text or writes files."""
        before = self._files()
        code, said, complained = self._type(list(words))
        self._keep(words, code, self.plain(said).splitlines(), self.plain(complained))
        self._keep_files(before)

    def _show(self, words: tuple[str, ...], width: int) -> None:
        ours, theirs = os.openpty()
        seen: list[bytes] = []
        reader = threading.Thread(target=_drain, args=(ours, seen))
        reader.start()
        place = os.ttyname(theirs)
        code, _, complained = self._type(list(words), out=place, columns=width)
        os.close(theirs)
        reader.join()
        os.close(ours)
        text = LOOKS.sub("", b"".join(seen).decode())
        name = f"{self._name(words)}-{width}.txt"
        whole = f"exit {code}\n{self.plain(text)}\n{self.plain(complained)}"
        _write(self.kept.parent / "screen" / self.kept.name / name, whole)

    def _type(
        self, words: list[str], *, out: str = "", columns: int = WIDTHS[0]
    ) -> tuple[int, str, str]:
        if self.typist is None:
            self.typist = subprocess.Popen(
                [self.interpreter, str(HERE / "typist.py")],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        said, complained = self.folder / "said", self.folder / "complained"
        said.write_bytes(b"")
        complained.write_bytes(b"")
        order = {
            "words": words,
            "folder": str(self.work),
            "environment": {"COLUMNS": str(columns)},
            "out": out or str(said),
            "err": str(complained),
        }
        if self.typist.stdin is None or self.typist.stdout is None:
            raise RuntimeError("the typist has no pipes")
        print(json.dumps(order), file=self.typist.stdin, flush=True)
        code = json.loads(self.typist.stdout.readline())
        return code, said.read_text(), complained.read_text()

    def run_program(self, *line: str, inside: str = "") -> tuple[int, str, str]:
        """Run a program in a process of its own; return how it ended and what it said.

        It is the checkout's, unless a script is named, for the checkout's interpreter.
        """
        script = line[0].endswith(".py")
        done = subprocess.run(
            [self.interpreter if script else self.program, *line],
            cwd=self.work / inside,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, self.plain(done.stdout), self.plain(done.stderr)

    def keep_proof(self, bundle: str) -> None:
        """Keep what the verifier inside a bundle says of it."""
        inside = f"unpacked/{Path(bundle).stem}"
        shutil.unpack_archive(self.work / bundle, self.work / inside)
        code, said, complained = self.run_program("verify.py", inside=inside)
        words = ("verify.py", bundle)
        self._keep(words, code, said.splitlines(), complained)

    def keep_demo(self, *words: str) -> Any:
        """Keep what a demonstration says in JSON, and what it tells."""
        code, said, complained = self.run_program(*words, "--json")
        answer = _parsed(said)
        if isinstance(answer, dict):
            answer["seconds"] = "some"
        self._keep(words, code, answer, complained)
        told = [word.replace("story", "told") for word in words]
        _, said, _ = self.run_program(*told)
        _write(self.kept.parent / "screen" / self.kept.name / "story.txt", said)
        return answer

    @contextmanager
    def sandbox(self, *words: str) -> Iterator[None]:
        """Run a sandbox while the block runs."""
        process = subprocess.Popen(
            [self.program, "sandbox", "--port", "0", "--json", *words],
            env=self.environment,
            cwd=self.work,
            stdout=subprocess.PIPE,
            text=True,
        )
        if process.stdout is None:
            raise RuntimeError("the sandbox has no pipe")
        try:
            self.url = json.loads(process.stdout.readline())["url"]
            self.private[self.url] = "http://sandbox"
            yield
            self.keep("truth", self.ask("GET", "/_sandbox/truth"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            self.leave()

    def leave(self) -> None:
        """Let the typist go."""
        if self.typist is not None and self.typist.stdin is not None:
            self.typist.stdin.close()
            self.typist.wait()
            self.typist = None

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """Ask the sandbox's control surface."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, headers, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def plain(self, text: str) -> str:
        """Return a text without what is true of one run alone."""
        for private, name in self.private.items():
            text = text.replace(private, name)
        ports = re.sub(r"--port \d+", "--port PORT", text)
        local = re.sub(r"http://127\.0\.0\.1:\d+", "http://sandbox", ports)
        return SECONDS.sub("All of it took some s", local)

    def keep(self, name: str, document: Any) -> None:
        """Keep a document."""
        text = json.dumps(document, indent=1, ensure_ascii=False, default=str)
        _write(self.kept / f"{name}.json", self.plain(text) + "\n")

    def keep_file(self, path: Path) -> None:
        """Keep what a file says."""
        where = path.relative_to(self.work).as_posix()
        self.keep(f"files/{where}", read_file(path.name, path.read_bytes()))

    def _keep(
        self, words: Sequence[str], code: int, answer: Any, complained: str
    ) -> None:
        self.steps += 1
        document = {
            "command": " ".join(words),
            "exit": code,
            "answer": answer,
            "complaints": complained.splitlines(),
        }
        self.keep(self._name(words), document)

    def _keep_files(self, before: Mapping[Path, float]) -> None:
        for path in sorted(self._files().keys() - before.keys()):
            self.keep_file(path)

    def _files(self) -> dict[Path, float]:
        places = [p for name in ("out", "anchors") for p in [self.work / name]]
        files = [file for place in places for file in place.rglob("*")]
        return {file: 0.0 for file in files if file.is_file()}

    def _name(self, words: Sequence[str]) -> str:
        plain = re.sub(r"[^a-z0-9]+", "-", self.plain(" ".join(words)).lower())
        return f"{self.steps:03d}-{plain[:70].strip('-')}"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.splitlines()


def _drain(terminal: int, seen: list[bytes]) -> None:
    while True:
        try:
            seen.append(os.read(terminal, 65_536))
        except OSError:  # nobody has the other end any more
            return


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
