"""How much memory a model process may take."""

from __future__ import annotations

import contextlib
from pathlib import Path

from aimass_stream.config import Settings

MEMORY_SHARE = 0.8
"""Of the machine's memory, for one model process, where no setting says otherwise."""

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_limit_bytes(settings: Settings) -> int:
    """Memory beyond which a model process is ended: the setting, else a share of the machine's.

    Better one process than whichever the kernel picks when there is no memory left.
    """
    import psutil

    if settings.device_memory_bytes is not None:
        return settings.device_memory_bytes
    total_bytes = int(psutil.virtual_memory().total)
    for limit in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            total_bytes = min(total_bytes, int(limit.read_text()))
    return int(total_bytes * MEMORY_SHARE)
