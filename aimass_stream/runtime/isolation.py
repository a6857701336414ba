"""Isolation: finding the records that make a batch fail, in few calls.

The first split calls both halves unless the left one answers; when both fail, every record is
called alone. Otherwise one part is known to fail, and each level costs one call: of its left
half. If that answers, the right half is at fault and is not called whole. If it fails, the
right half is presumed innocent and put back, to ride in the next ordinary batch. This is the
splitting of group testing (Hwang, A Method for Detecting All Defective Members in a
Population by Group Testing, 1972), one culprit at a time.

One culprit among n records costs at most ceil(log2 n) + 1 calls beyond the one that failed, and
no search costs more than n + 2. Which records are to be called is decided by a generator that
calls nothing, so that one search serves a device link and a function alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from aimass_stream.errors import RecordError, without_frames
from aimass_stream.runtime.batch import BatchFailed

T = TypeVar("T")
A = TypeVar("A")

Search = Generator[range, BatchFailed | None, "Verdict"]
"""Yields positions to call; is sent None when they were answered, else their failure."""


@dataclass(slots=True)
class Verdict:
    """What a search found; every position is answered, blamed, or put back.

    Attributes:
        blamed: positions with the failure that each is to blame for, its own where it failed
            alone, else that of the smallest batch that only failed with it.
        put_back: positions that were neither answered nor found guilty, ascending.
    """

    blamed: list[tuple[int, BatchFailed]] = field(default_factory=list)
    put_back: list[int] = field(default_factory=list)


def search(rows: int, failure: BatchFailed) -> Search:
    """Look for culprits among `rows` records that failed together with `failure`.

    A part that runs out of memory ends the search, since size and not a record may be to
    blame: what is undecided is put back.
    """
    if rows == 1:
        return Verdict([(0, failure)])
    left, right = _halves(range(rows))
    left_failure = yield left
    if left_failure is None:
        return (yield from _narrow(right, failure, rows, _calls_allowed(rows) - 1))
    if _is_too_large(left, left_failure):
        return Verdict(put_back=[*left, *right])
    right_failure = yield right
    if right_failure is None:
        return (yield from _narrow(left, left_failure, len(left), _calls_allowed(rows) - 2))
    if _is_too_large(right, right_failure):
        return Verdict(put_back=[*left, *right])
    return (yield from _one_by_one(left, right, left_failure, right_failure))


def _narrow(part: range, failure: BatchFailed, failed_rows: int, calls_left: int) -> Search:
    """Find one culprit in a part that fails; `failed_rows` is the size of what `failure` hit."""
    verdict = Verdict()
    while len(part) > 1:
        left, right = _halves(part)
        left_failure = yield left
        calls_left -= 1
        if left_failure is None:
            part = right
            continue
        if _is_too_large(left, left_failure):
            verdict.put_back = sorted([*verdict.put_back, *part])
            return verdict
        verdict.put_back += right
        part, failure, failed_rows = left, left_failure, len(left)
    if failed_rows > 1:
        # The failure is that of a larger batch. One of its own is better evidence, and within
        # the bound on calls wherever the first half answered: so a failure that came and went,
        # after which everything answers, is blamed on nobody.
        if calls_left > 0:
            own_failure = yield part
            if own_failure is None:
                return verdict
            failure = own_failure
        else:
            failure = _inherited(failure, failed_rows)
    verdict.blamed.append((part[0], failure))
    verdict.put_back.sort()
    return verdict


def _one_by_one(
    left: range, right: range, left_failure: BatchFailed, right_failure: BatchFailed
) -> Search:
    verdict = Verdict()
    for half, half_failure in ((left, left_failure), (right, right_failure)):
        if len(half) == 1:
            verdict.blamed.append((half[0], half_failure))
            continue
        for position in half:
            failure = yield range(position, position + 1)
            if failure is not None:
                verdict.blamed.append((position, failure))
    return verdict


def _halves(part: range) -> tuple[range, range]:
    middle = len(part) // 2
    return part[:middle], part[middle:]


def _calls_allowed(rows: int) -> int:
    return (rows - 1).bit_length() + 1


def _is_too_large(part: range, failure: BatchFailed) -> bool:
    return failure.out_of_memory and len(part) > 1


def _inherited(failure: BatchFailed, rows: int) -> BatchFailed:
    detail = f"{failure.detail} (in a batch of {rows}; the others were answered without it)"
    return BatchFailed(failure.reason, detail, failure.trace)


def record_error(failure: BatchFailed) -> RecordError:
    """The failure as the outcome of the record that is to blame."""
    return RecordError(failure.reason, failure.detail, failure.trace)


async def find_culprits(
    call: Callable[[Sequence[T]], Awaitable[object]], items: Sequence[T], failure: BatchFailed
) -> Verdict:
    """Run a search over `items`, which failed together.

    Args:
        call: answers some of the items, or raises `BatchFailed`. What it returns is its own
            affair: an item that was answered is not called again.
        items: what failed, in any order.
        failure: how it failed.
    """
    steps = search(len(items), failure)
    try:
        part = next(steps)
        while True:
            part = steps.send(await attempt(call, items[part.start : part.stop]))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


async def attempt(
    call: Callable[[Sequence[T]], Awaitable[object]], items: Sequence[T]
) -> BatchFailed | None:
    """Call once; None when the items were answered, else their failure."""
    try:
        await call(items)
    except BatchFailed as failure:
        return without_frames(failure)
    return None


async def isolate(
    call: Callable[[Sequence[T]], Awaitable[Sequence[A]]], items: Sequence[T], failure: BatchFailed
) -> list[A | RecordError]:
    """Answer or blame every one of `items`, which failed together, in their order.

    What a search puts back is called again as a batch of its own, until nothing is left.

    Args:
        call: answers some of the items, one result each in order, or raises `BatchFailed`.
        items: what failed.
        failure: how it failed.
    """
    outcomes: dict[int, A | RecordError] = {}

    async def call_at(positions: Sequence[int]) -> None:
        results = await call([items[position] for position in positions])
        outcomes.update(zip(positions, results, strict=True))

    left: Sequence[int] = range(len(items))
    failed = failure if items else None
    while failed is not None:
        verdict = await find_culprits(call_at, left, failed)
        for at, blame in verdict.blamed:
            outcomes[left[at]] = record_error(blame)
        left = [left[at] for at in verdict.put_back]
        failed = await attempt(call_at, left) if left else None
    return [outcomes[position] for position in range(len(items))]
