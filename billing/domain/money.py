"""Money as people read it: exact decimals out of integer micro-units."""

from billing.domain.rating import MICRO

# Of a month that nothing says otherwise of.
DEFAULT_CURRENCY = "usd"
_PLACES = 6
_USUAL_PLACES = 2
# Currencies that have no smaller unit.
_WHOLE = frozenset(
    {
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    }
)
# Currencies whose unit has a thousand smaller ones.
_THOUSANDTHS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def minor_per_unit(currency: str) -> int:
    """Return how many minor units, such as cents, a unit of a currency has."""
    if currency in _WHOLE:
        return 1
    return 1_000 if currency in _THOUSANDTHS else 100


# An amount that nobody knows, where people read it.
UNKNOWN = "\N{EN DASH}"


def format_known(amount_micro: int | None, currency: str) -> str | None:
    """Spell an amount exactly; None when nobody knows it."""
    return None if amount_micro is None else format_micro(amount_micro, currency)


def format_micro(amount_micro: int, currency: str) -> str:
    """Spell an amount exactly, with the currency's usual places or as many as needed.

    The digits never round: 12_340_001 micro-dollars are `12.340001`.
    """
    whole, rest = divmod(abs(amount_micro), MICRO)
    least = 0 if currency in _WHOLE else _USUAL_PLACES
    digits = f"{rest:0{_PLACES}d}".rstrip("0").ljust(least, "0")
    sign = "-" if amount_micro < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
