"""What a program of either SDK does under measure; runs in the SDK's environment."""

import json
import resource
import sys
import time
from importlib import import_module
from typing import Any

KEY = "pk_live_benchmark"
PARALLEL = 16


def get_calls(client: Any, count: int) -> int:
    """Read one call so many times."""
    for _ in range(count):
        client.get_call("call_1")
    return count


def read_pages(client: Any, count: int) -> int:
    """Read all calls: page after page, or in parallel where the SDK can."""
    if hasattr(client, "iter_calls"):
        return sum(1 for _ in client.iter_calls(parallel=PARALLEL))
    read = 0
    while read < count:
        page = client.list_calls(limit=100, offset=read)
        read += len(page["items"])
        if not page["has_more"]:
            break
    return read


def main(what: str, url: str, count: int) -> None:
    """Do one thing; prints the seconds and the peak of memory as JSON."""
    began = time.perf_counter()
    sdk: Any = import_module("pamela")
    imported = time.perf_counter() - began
    client = sdk.PamelaClient(KEY, url)
    made = time.perf_counter() - began
    seconds, read = 0.0, 0
    if what != "import":
        get_calls(client, 20)
        act = {"get": get_calls, "read": read_pages}[what]
        began = time.perf_counter()
        read = act(client, count)
        seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    figures = {
        "imported": imported,
        "made": made,
        "seconds": seconds,
        "read": read,
        "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
