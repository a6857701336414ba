"""How a worker's memory is managed: what is looked through for garbage, and what is given back."""

from __future__ import annotations

import ctypes
import gc

YOUNG_OBJECTS = 10_000
"""Python's 700 is less than the dictionaries and lists of one batch, which leave by themselves."""
KEPT_BYTES = 32 * 1024 * 1024
"""Free memory that a worker keeps, rather than have each batch ask the system for it again."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def settle_heap() -> None:
    """Make what is there and what a batch needs cost nothing more.

    What is there is never looked through again, looking begins when far more has come than one
    batch makes, and the memory of one batch is kept for the next. Call it when all that stays
    has been made: modules, agents, clients. Memory is freed as ever, by counting references.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    # The C library's own bound is 128 KiB, and it knows this call on Linux only.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
