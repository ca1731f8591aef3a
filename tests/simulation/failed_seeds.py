"""Failed seeds: each violated an invariant once, and every run tries them first."""

FAILED_SEEDS = (
    98_854_264,  # one takes over from another that is frozen inside its commit
    98_856_008,  # an answer whose commit was lost, counted from its request
)
