"""What a scorer is given, and what came of it in words."""

import asyncio
from typing import Any

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Prediction
from aimass_stream.runtime.scorer import Submission


async def finish(submission: Submission[Prediction]) -> list[Any]:
    """Wait for every row, as an agent does: run by run."""
    row = 0
    while row < len(submission.outcomes):
        end = await submission.wait(row)
        assert end > row
        assert None not in submission.outcomes[row:end]
        row = end
    return list(submission.outcomes)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def names(outcomes: list[Any]) -> list[str]:
    return [
        str(outcome.reason) if isinstance(outcome, RecordError) else outcome.label
        for outcome in outcomes
    ]


def numbered(count: int, **others: bytes) -> list[bytes]:
    """Payloads `0`, `1`, ... with others in the place of some: `_7=b"bad"`."""
    return [others.get(f"_{at}", b"%d" % at) for at in range(count)]


def labels(payloads: list[bytes], reason: Reason = Reason.MODEL_ERROR) -> list[str]:
    harmful = {b"bad", b"crash", b"huge"}
    return [str(reason) if payload in harmful else payload.decode() for payload in payloads]
