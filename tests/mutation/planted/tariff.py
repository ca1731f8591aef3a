"""A tariff that is tested well in some places, badly in others."""

FREE_MINUTES = 10


def charged(minutes: int) -> int:
    """Return the minutes that cost something."""
    return max(minutes - FREE_MINUTES, 0)


def digits(number: int) -> int:
    """Count the digits of a whole number."""
    count = 1
    while number >= 10:
        number //= 10
        count += 1
    return count


def is_long(minutes: int) -> bool:
    """Say whether a call is long; no test asks about exactly an hour."""
    return minutes > 60
