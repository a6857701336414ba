"""A folder and a Kafka that exist for one run of `aimass verify`, and for nothing else.

No setting leads here: neither `AIMASS_BROKER` nor a folder of the user's is ever touched.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aimass_stream.kafka.embedded import find_broker, lease_broker, revive_broker
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.verify.relay import Relay
from aimass_stream.verify.workers import wait_gone

Say = Callable[[str], None]


class ScratchBroker:
    """An embedded Kafka that is stopped, killed and started again at will.

    Args:
        state: its state folder.
        url: where it listens, also after a restart.
        pid: its process.
        relay: another way to it, which can be a bad network.
        say: told what takes long.
    """

    def __init__(self, state: Path, url: str, pid: int, relay: Relay, say: Say) -> None:
        self.relay = relay
        self._state = state
        self._say = say
        self.url = url
        self.pid = pid

    @property
    def client(self) -> dict[str, list[str]]:
        """Settings of a client of it."""
        return {"bootstrap_servers": bootstrap_servers(self.url)}

    async def kill(self) -> None:
        """Kill -9; it stays away until `start`."""
        os.kill(self.pid, signal.SIGKILL)
        await asyncio.to_thread(wait_gone, self.pid)

    async def start(self) -> None:
        """Start it again after a kill, on its port.

        Raises:
            BrokerError: it does not start.
        """
        await asyncio.to_thread(revive_broker, self._state, say=self._say)
        if (found := find_broker(self._state)) is not None:
            self.pid = found.pid

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It stands still within the block (SIGSTOP); connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@contextmanager
def scratch_folder(*, keep: Callable[[], bool], say: Say) -> Iterator[Path]:
    """A new folder, removed at the end unless `keep` says otherwise by then."""
    folder = Path(tempfile.mkdtemp(prefix=f"aimass-verify-{time.strftime('%H%M%S')}-"))
    try:
        yield folder
    finally:
        if keep():
            say(f"Logs and topics are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_broker(folder: Path, relay: Relay, say: Say) -> Iterator[ScratchBroker]:
    """A Kafka of its own below a scratch folder; it ends with the block.

    Args:
        folder: the scratch folder.
        relay: entered; led to it.
        say: told what takes long.

    Raises:
        BrokerError: it does not start.
    """
    state = folder / "state"
    with lease_broker(state, say=say, relay_port=relay.port) as broker:
        if broker.relayed_port is not None:
            relay.forward_to(broker.relayed_port)
        yield ScratchBroker(state, broker.url, broker.pid, relay, say)
