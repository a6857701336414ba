"""How many records an app under test may answer: a number in a file, which the test writes.

A worker is caught with work before it however quick the machine is, and nothing waits for a clock.
"""

import asyncio
import os
from pathlib import Path

FILE = "TEST_ALLOWED_FILE"
POLL_S = 0.01


class Allowance:
    """Lets the bodies of an agent go on, all partitions together, up to a number of records.

    Without the variable `TEST_ALLOWED_FILE` as many as come.
    """

    def __init__(self) -> None:
        name = os.environ.get(FILE)
        self._file = Path(name) if name else None
        self._taken = 0

    async def take(self, rows: int) -> None:
        """Wait until so many more may be answered."""
        while not self._allows(rows):  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(POLL_S)
        self._taken += rows

    def _allows(self, rows: int) -> bool:
        return self._file is None or self._taken + rows <= int(self._file.read_text())
