"""A typist: runs command lines of a checkout in forks of one warm process.

Started with the checkout's interpreter; reads an order in JSON from each line, and
answers with the exit code. Importing takes far longer than most commands, so what a
command imported is imported here too, before the next fork.
"""

import json
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

PROGRAM = "pamela-billing"


def main() -> None:
    """Type what is ordered until there are no more orders."""
    [script] = entry_points(group="console_scripts", name=PROGRAM)
    program = script.load()
    for line in sys.stdin:
        order = json.loads(line)
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reads)
            run(program, order, writes)
        os.close(writes)
        with os.fdopen(reads) as told:
            names = told.read().split()
        _, status = os.waitpid(child, 0)
        for name in names:
            with suppress(Exception):
                import_module(name)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)


def run(program: Any, order: dict[str, Any], tell: int) -> None:
    """Be the command: run it in its folder, tell what was imported, and end."""
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    places = (os.devnull, order["out"], order["err"])
    for number, place in enumerate(places):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOCTTY
        os.dup2(os.open(place, flags), number)
    sys.argv = [PROGRAM, *order["words"]]
    code: object = 0
    try:
        program()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 # as the interpreter shows it
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    with os.fdopen(tell, "w") as pipe:
        pipe.write("\n".join(sys.modules.keys() - {"__main__"}))
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
