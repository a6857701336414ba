"""A scorer on a link whose clock stands still unless it is moved."""

from collections.abc import AsyncIterator

import pytest

from aimass_stream.runtime.scorer import Scorer
from tests.runtime.in_process_link import SPEC, Clock, Echo, InProcessLink


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def link(clock: Clock) -> InProcessLink:
    return InProcessLink(clock)


@pytest.fixture
def model() -> Echo:
    return Echo(latency_ms=50, max_batch_rows=64)


@pytest.fixture
async def scorer(link: InProcessLink, clock: Clock, model: Echo) -> AsyncIterator[Scorer]:
    scorer = Scorer(link, buffer_bytes=1 << 20, clock=clock)
    await scorer.add(model, SPEC)
    yield scorer
    await scorer.close()
