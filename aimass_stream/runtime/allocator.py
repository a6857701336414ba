"""How much freed memory the C library keeps for the next batch instead of giving it back.

By itself glibc maps every large array anew, or hands the end of the heap back to the system after
each batch, and the next one pays for every page of it a second time. What is kept is bounded, and
was in use a moment ago.
"""

from __future__ import annotations

import ctypes
import os
from typing import NamedTuple


class _Setting(NamedTuple):
    """One that `mallopt` takes.

    Attributes:
        number: glibc's, from `malloc.h`.
        value: what we set.
        variable: with which whoever runs us sets it instead.
    """

    number: int
    value: int
    variable: str


_MIB = 2**20
_SETTINGS = (
    # The largest that glibc comes to by itself; larger arrays are mapped, and given back at once.
    _Setting(-3, 32 * _MIB, "MALLOC_MMAP_THRESHOLD_"),
    _Setting(-1, 128 * _MIB, "MALLOC_TRIM_THRESHOLD_"),
    _Setting(-2, 16 * _MIB, "MALLOC_TOP_PAD_"),
    # Decoding in threads would otherwise leave freed memory in an arena for each of them.
    _Setting(-8, 2, "MALLOC_ARENA_MAX"),
)


def keep_freed_memory() -> None:
    """Keep up to 128 MiB at the end of a heap, and two heaps; before any thread is started.

    What `MALLOC_...` says in the environment stands. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for setting in _SETTINGS:
        if setting.variable not in os.environ:
            mallopt(setting.number, setting.value)
