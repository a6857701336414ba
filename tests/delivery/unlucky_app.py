"""The copying app on a consumer with bad luck: fetches come to nothing, commits are refused.

`TEST_BAD_LUCK` is the share of each that goes wrong.
"""

import contextlib
import os
import random
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.errors import RequestTimedOutError
from faust.types.tuples import TP

from aimass_stream.kafka.client import Client
from aimass_stream.kafka.ledger import Standing
from aimass_stream.kafka.transport import Consumer, Transport
from tests.delivery import app as copying

BAD_LUCK = float(os.environ.get("TEST_BAD_LUCK", "0.3"))


class ThrownAwayError(Exception):
    """A fetch moved the client's position on, and nobody has what it fetched."""


class UnluckyClient(Client):
    """Loses what it fetched, as a rebalance or a cancelled call does, only far more often."""

    async def fetch(
        self, wanted: set[TP], timeout_s: float, reads: Callable[[str], bool]
    ) -> Mapping[Any, Any]:
        found = await super().fetch(wanted, timeout_s, reads)
        if random.random() < BAD_LUCK:
            raise ThrownAwayError
        return found

    async def commit(self, standings: Mapping[TP, Standing]) -> None:
        if random.random() < BAD_LUCK:
            raise RequestTimedOutError
        await super().commit(standings)


class UnluckyConsumer(Consumer):
    """Goes on when a fetch was lost."""

    @property
    def client(self) -> UnluckyClient:
        return UnluckyClient(self._thread)

    async def _fetch_into_feeds(self, wanted: set[TP], timeout_s: float) -> None:
        with contextlib.suppress(ThrownAwayError):
            await super()._fetch_into_feeds(wanted, timeout_s)


class UnluckyTransport(Transport):
    """Faust's transport with the unlucky consumer."""

    Consumer = UnluckyConsumer


app = copying.app
app.transport = UnluckyTransport(app.conf.broker_consumer, app)
