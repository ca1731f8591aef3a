"""Signatures by Ed25519 (RFC 8032, section 5.1): verified in plain integers."""

from functools import cache
from hashlib import sha512

Point = tuple[int, int, int, int]

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
ROOT_OF_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)
NEUTRAL: Point = (0, 1, 1, 0)
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_DIGIT_BITS, _DIGITS = 4, 64


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a signature over a message was made with the key's other half."""
    if len(public_key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    table = _multiples_of_key(public_key)
    scalar = int.from_bytes(signature[32:], "little")
    if table is None or scalar >= ORDER:
        return False
    hashed = sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(hashed, "little") % ORDER
    # R = S·B - k·A; the table is that of -A.
    point = _add(_times(_multiples_of_base(), scalar), _times(table, challenge))
    return _encode(point) == signature[:32]


def is_weak(public_key: bytes) -> bool:
    """Say whether a key is one of the eight points that anybody can sign for.

    Eight times such a point is the neutral one, so its signatures hold for whatever.
    """
    point = decode_point(public_key)
    if point is None:
        return False
    for _ in range(3):
        point = _add(point, point)
    x, y, z, _ = point
    return x % PRIME == 0 and (y - z) % PRIME == 0


def decode_point(encoded: bytes) -> Point | None:
    """Return the point that 32 bytes stand for; None when they stand for none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= PRIME:
        return None
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % PRIME)


def _x_of(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
    if square == 0:
        return None if sign else 0
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * ROOT_OF_MINUS_ONE % PRIME
    if (x * x - square) % PRIME:
        return None
    return x if x & 1 == sign else PRIME - x


def _add(first: Point, second: Point) -> Point:
    x1, y1, z1, t1 = first
    x2, y2, z2, t2 = second
    a = (y1 - x1) * (y2 - x2) % PRIME
    b = (y1 + x1) * (y2 + x2) % PRIME
    c = 2 * t1 * t2 * CURVE % PRIME
    d = 2 * z1 * z2 % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def _encode(point: Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, PRIME)
    x, y = x * inverse % PRIME, y * inverse % PRIME
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _multiples(point: Point) -> list[list[Point]]:
    """Return d·16^i·P for every digit d of every place i: then nothing is doubled."""
    rows = []
    for _ in range(_DIGITS):
        row = [NEUTRAL]
        for _ in range(2**_DIGIT_BITS - 1):
            row.append(_add(row[-1], point))
        rows.append(row)
        point = _add(row[-1], point)
    return rows


@cache
def _multiples_of_base() -> list[list[Point]]:
    y = 4 * pow(5, -1, PRIME) % PRIME
    x = _x_of(y, 0) or 0
    return _multiples((x, y, 1, x * y % PRIME))


@cache
def _multiples_of_key(public_key: bytes) -> list[list[Point]] | None:
    point = decode_point(public_key)
    if point is None:
        return None
    x, y, z, t = point
    return _multiples((-x % PRIME, y, z, -t % PRIME))


def _times(table: list[list[Point]], scalar: int) -> Point:
    total = NEUTRAL
    for row in table:
        digit = scalar & 15
        scalar >>= _DIGIT_BITS
        if digit:
            total = _add(total, row[digit])
    return total
