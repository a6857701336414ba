"""A child's tie to the process that started it: its stdin is a pipe nobody else holds.

When the owner ends, in whatever way, the pipe is closed and reading it returns. So a process
that is killed leaves none of its children behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

SUPERVISED = "AIMASS_SUPERVISED"
"""Set in the environment of a process whose stdin is such a pipe."""

DEFAULT_BUDGET_S = 15.0
ORPHANED_EXIT_CODE = 70

_PR_SET_PDEATHSIG = 1


def watch_parent(budget_s: float = DEFAULT_BUDGET_S) -> bool:
    """End this process when its supervisor ends: SIGTERM to itself, then a hard exit.

    Call it once, early, in a worker. A process that was not started by a supervisor is left
    alone, since its stdin is somebody's terminal.

    Args:
        budget_s: seconds from SIGTERM to the hard exit.

    Returns:
        Whether there is a supervisor to watch.
    """
    # Taken out, so that what this process starts does not believe that it is supervised.
    if os.environ.pop(SUPERVISED, None) is None:
        return False

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(budget_s)
        os._exit(ORPHANED_EXIT_CODE)

    read_stdin(lambda line: None, end)
    return True


def read_stdin(on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
    """Read stdin on a thread: `on_line` for each line, `on_end` when the owner is gone.

    Everybody else in this process finds stdin empty.
    """
    stdin = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def read() -> None:
        pending = b""
        while chunk := os.read(stdin, 4096):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                on_line(line)
        on_end()

    threading.Thread(target=read, name="parent", daemon=True).start()


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux).

    This also works while a model holds the interpreter's lock, when no thread could notice
    that stdin is closed. It does nothing elsewhere.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
