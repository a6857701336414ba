"""The copying app on a consumer with bad luck: fetches come to nothing, commits are refused.

`TEST_BAD_LUCK` is the share of each that goes wrong.
"""

import contextlib
import os
import random
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any, TypeVar

from faust.types.tuples import TP

from aimass_stream.kafka.ledger import Standing
from aimass_stream.kafka.transport import Consumer, Transport
from tests.delivery import app as copying

T = TypeVar("T")

BAD_LUCK = float(os.environ.get("TEST_BAD_LUCK", "0.3"))


class ThrownAwayError(Exception):
    """A fetch moved the client's position on, and nobody has what it fetched."""


class UnluckyConsumer(Consumer):
    """Loses what it fetched, as a rebalance or a cancelled call does, only far more often."""

    async def _fetch_into_feeds(self, wanted: set[TP], timeout_s: float) -> None:
        with contextlib.suppress(ThrownAwayError):
            await super()._fetch_into_feeds(wanted, timeout_s)

    def _in_thread(self, call: Coroutine[Any, Any, T]) -> Awaitable[T]:
        done = super()._in_thread(call)
        if getattr(call, "__name__", "") == "_fetch_in_thread" and random.random() < BAD_LUCK:
            return self._throw_away(done)
        return done

    async def _throw_away(self, done: Awaitable[T]) -> T:
        await done
        raise ThrownAwayError

    async def _commit_in_thread(self, standings: Mapping[TP, Standing]) -> bool:
        if random.random() < BAD_LUCK:
            return False
        return await super()._commit_in_thread(standings)


class UnluckyTransport(Transport):
    """Faust's transport with the unlucky consumer."""

    Consumer = UnluckyConsumer


app = copying.app
app.transport = UnluckyTransport(app.conf.broker_consumer, app)
