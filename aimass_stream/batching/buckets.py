"""Buckets: the few sizes that rows are padded to, so that batch shapes repeat."""

from __future__ import annotations

from math import ceil, frexp, ldexp

STEPS = 8
"""Buckets between a power of two and the next: padding to one adds 12.5 % at the most."""


def bucket(cost: float, steps: int = STEPS) -> float:
    """The smallest bucket that holds `cost`.

    Buckets are the powers of two and `steps` - 1 evenly spaced sizes between each and the
    next: with eight, ... 16, 18, 20, ... 32, 36, 40 ... Whole costs up to twice `steps` are
    their own bucket, the constant cost 1 among them. More steps mean less padding and more shapes.

    Args:
        cost: a positive, finite number.
        steps: buckets an octave, a power of two.
    """
    mantissa, exponent = frexp(cost)
    return ldexp(ceil(mantissa * 2 * steps), exponent) / (2 * steps)
