"""A client of the hostile server in a process of its own, whose memory is measured.

`python -m tests.hostile.child URL KIND` writes a line of JSON a trial, and one
with its memory at the end.
"""

import json
import sys
from collections.abc import Sequence

from tests.hostile.cycles import try_cycles
from tests.hostile.endpoints import ENDPOINTS
from tests.hostile.generated import try_generated
from tests.hostile.trials import most_memory, try_all


def main(arguments: Sequence[str]) -> int:
    """Try what is asked for, line by line."""
    url, kind = arguments
    asked = json.loads(sys.stdin.read())
    if kind == "cycles":
        trials = try_cycles(url, asked)
    elif kind == "generated":
        trials = (try_generated(n, *asked) for n in range(len(ENDPOINTS)))
    else:
        trials = try_all(url, asked)
    for trial in trials:
        print(json.dumps(trial.as_document))
    print(json.dumps({"memory": most_memory()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
