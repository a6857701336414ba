"""What of a process's memory is looked through for garbage, and when."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 10_000
"""Python's 700 is less than the dictionaries and lists of one batch, which leave by themselves."""


def settle_heap() -> None:
    """Leave alone what is there, and begin to look when far more has come than one batch makes.

    Call it when all that stays has been made: modules, agents, clients. Memory is freed as ever,
    by counting references; this is about cycles only.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage while modules are imported: they stay, and are a million objects.

    A tenth of the time of importing a model library goes into looking through what it made.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
