"""Ed25519 by plain arithmetic (RFC 8032, section 5.1), to sign what a library would not.

BEP 44 publishes its signing key in expanded form, which no library takes; and odd keys and
signatures are made on purpose.  Slow, and not for secrets.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final, NamedTuple

PRIME: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, PRIME) % PRIME
_ROOT: Final = pow(2, (PRIME - 1) // 4, PRIME)


class Point(NamedTuple):
    """A point of the curve, in affine coordinates."""

    x: int
    y: int

    def __add__(self, other: Point) -> Point:  # type: ignore[override]
        product = _D * self.x * other.x * self.y * other.y % PRIME
        return Point(
            (self.x * other.y + other.x * self.y) * pow(1 + product, -1, PRIME) % PRIME,
            (self.y * other.y + self.x * other.x) * pow(1 - product, -1, PRIME) % PRIME,
        )

    def __rmul__(self, number: int) -> Point:  # type: ignore[override]
        total, power = NEUTRAL, self
        while number:
            if number & 1:
                total += power
            power += power
            number >>= 1
        return total

    @property
    def packed(self) -> bytes:
        """Its 32 bytes."""
        return (self.y | (self.x & 1) << 255).to_bytes(32, "little")


NEUTRAL: Final = Point(0, 1)


def point_with(y: int, sign: int = 0) -> Point:
    """The point with this ``y``; ``ValueError`` if there is none."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * _ROOT % PRIME
    if (x * x - square) % PRIME:
        raise ValueError("no such point")
    return Point(PRIME - x if x & 1 != sign else x, y)


BASE: Final = point_with(4 * pow(5, -1, PRIME) % PRIME)


def small_order() -> Point:
    """A point of order 8."""
    for y in range(2, 100):
        try:
            found = ORDER * point_with(y)
        except ValueError:
            continue
        if 4 * found != NEUTRAL:
            return found
    raise AssertionError("one in two points has such a part")


def signed(
    message: bytes, scalar: int, prefix: bytes, odd_key: Point = NEUTRAL, odd: Point = NEUTRAL
) -> tuple[bytes, bytes]:
    """Public key and signature.  ``odd_key`` and ``odd`` are added to the key and to R."""
    nonce = int.from_bytes(sha512(prefix + message).digest(), "little") % ORDER
    key = (scalar * BASE + odd_key).packed
    first = (nonce * BASE + odd).packed
    digest = int.from_bytes(sha512(first + key + message).digest(), "little")
    return key, first + ((nonce + digest * scalar) % ORDER).to_bytes(32, "little")
