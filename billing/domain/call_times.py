"""Call times: whether a call's duration and its times can all be right."""

from dataclasses import dataclass
from datetime import timedelta

from billing.domain.call import Call

ALL_OF_IT = 100  # in percent


@dataclass(frozen=True, slots=True)
class TimeTolerance:
    """How long a call may be, and how far its times may be off its duration."""

    longest_seconds: int = 3_600  # the API takes no call for longer
    tolerance_seconds: int = 60
    tolerance_percent: int = 10


USUAL_TOLERANCE = TimeTolerance()


def find_contradiction(call: Call, tolerance: TimeTolerance) -> str | None:
    """Say what of a call that is over cannot be right; None when all of it can."""
    seconds, started, ended = call.duration_seconds, call.started_at, call.ended_at
    if seconds is None or started is None or not call.terminal:
        return None
    longest = tolerance.longest_seconds
    if seconds > longest + tolerance.tolerance_seconds:
        return f"duration_seconds is {seconds}, and no call is longer than {longest} s"
    if ended is None or ended == started + timedelta(seconds=seconds):
        return None
    between = ended - started
    off = abs(between - timedelta(seconds=seconds))
    most = timedelta(seconds=tolerance.tolerance_seconds)
    share = timedelta(seconds=seconds) * tolerance.tolerance_percent
    is_far = off > most and off * ALL_OF_IT > share if seconds else off >= most
    if not is_far:
        return None
    return f"duration_seconds is {seconds}, and ended_at is {between} after started_at"
