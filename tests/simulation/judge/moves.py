"""Moves: which states of a meter event may follow one another."""

FINAL = {"failed/replaced", "failed/voided"}
ILLEGAL = {
    ("synced", "pending"),
    ("synced", "failed/unanswered"),
    ("synced", "failed/uncertain"),
    ("synced", "failed/expired"),
    ("failed/rejected", "synced"),
    ("failed/expired", "synced"),
}


def may_move(was: str, standing: str) -> bool:
    """Say whether an event of one standing may come to another."""
    return was not in FINAL and (was, standing) not in ILLEGAL
