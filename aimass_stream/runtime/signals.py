"""The signals that end a process: Ctrl-C, SIGTERM, and SIGHUP when its terminal is closed.

A closed terminal ends what runs in it as SIGTERM does, so that nothing is left behind that was
started for it. SIGHUP may come several times for one terminal, from the shell and from the kernel;
only the first counts. Under `nohup` it is ignored, and stays so.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OUTPUTS = (1, 2)


class _Terminal:
    """The terminal this process writes to, and whether it was closed."""

    def __init__(self) -> None:
        self._outputs: list[int] = []
        self._hung_up = False

    def look(self) -> None:
        """Note which outputs are a terminal, while it is there."""
        self._outputs = self._outputs or [output for output in _OUTPUTS if os.isatty(output)]

    def counts(self, number: int) -> bool:
        """Whether a signal says something new."""
        if number != signal.SIGHUP:
            return True
        self._let_go()
        known, self._hung_up = self._hung_up, True
        return not known

    def _let_go(self) -> None:
        # What is still said while all that was started ends would fail on a terminal that is gone.
        for output in [each for each in self._outputs if not os.isatty(each)]:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, output)
            os.close(nowhere)
            self._outputs.remove(output)


_terminal = _Terminal()


@contextmanager
def unwinding() -> Iterator[None]:
    """Have SIGTERM and SIGHUP leave this block as an exception does, so that it is closed in order.

    Raises:
        SystemExit: one of them came; its code is 143 or 129. A second SIGTERM ends the process at
            once.
    """

    def leave(number: int, _: FrameType | None) -> None:
        if _terminal.counts(number):
            if number == signal.SIGTERM:
                signal.signal(number, signal.SIG_DFL)
            raise SystemExit(128 + number)

    with _handled((signal.SIGTERM, signal.SIGHUP), leave):
        yield


@contextmanager
def told(on_signal: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Have the running loop told of SIGINT, SIGTERM and SIGHUP, in place of what they do else.

    Args:
        on_signal: called on the loop for each of them.
    """
    import asyncio

    loop = asyncio.get_running_loop()

    def tell(number: int, _: FrameType | None) -> None:
        if _terminal.counts(number):
            loop.call_soon_threadsafe(on_signal, signal.Signals(number))

    with _handled(_ENDING, tell):
        yield


@contextmanager
def held() -> Iterator[None]:
    """Have the signals that end a process wait until this block is done; it should be short."""
    came: list[int] = []
    try:
        with _handled(_ENDING, lambda number, _: came.append(number)):
            yield
    finally:
        for number in came:
            signal.raise_signal(number)


@contextmanager
def _handled(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], Any]
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _terminal.look()
    before = {number: signal.getsignal(number) for number in numbers}
    if before.get(signal.SIGHUP) is signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, known in before.items():
            # One that was not installed from Python cannot be put back.
            signal.signal(number, known or signal.SIG_DFL)
