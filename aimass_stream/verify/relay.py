"""A TCP relay between an application and its scratch broker, which can be a bad network.

It forwards bytes and knows nothing of Kafka. What it does to them changes while it runs:
connections are dropped, new ones refused, bytes delayed, throttled, or cut in the middle of a
frame. Kafka tells its clients where to connect, so the broker must name the relay's port to
them: `lease_broker(state, relay_port=relay.port)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import Self

LOOPBACK = "127.0.0.1"

_READ_BYTES = 64 * 1024
_Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# Closing with nothing lingering sends RST, as a host does that has lost its state.
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to bytes, in both directions.

    Attributes:
        delay_ms: how much later each piece arrives.
        bytes_per_s: how much passes on one connection; None for as much as comes.
        refuse: whether new connections are closed at once.
    """

    delay_ms: float = 0.0
    bytes_per_s: float | None = None
    refuse: bool = False


CLEAR = Weather()
"""A network that works."""


class Relay:
    """Listens on a port of its own. Lives on one event loop, as an async context manager.

    Attributes:
        weather: what happens to bytes from now on.
        accepted: connections so far, refused ones included.
        dropped: connections that the relay ended.
    """

    def __init__(self) -> None:
        self.weather = CLEAR
        self.accepted = 0
        self.dropped = 0
        self._target_port = 0
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Take a free port."""
        self._server = await asyncio.start_server(self._on_client, LOOPBACK, 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close every connection and the port."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def port(self) -> int:
        """Where clients connect."""
        if self._server is None:
            raise RuntimeError("the relay is not open: use it as an async context manager")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The broker, for clients that come by the relay."""
        return f"kafka://{LOOPBACK}:{self.port}"

    @property
    def open_connections(self) -> int:
        """Connections that are forwarded now."""
        return len(self._links)

    def forward_to(self, port: int) -> None:
        """Say where new connections lead, on this machine; until then they are refused."""
        self._target_port = port

    def drop(self) -> int:
        """Reset every connection, whatever is under way; how many there were."""
        links = list(self._links)
        for link in links:
            link.reset()
        self.dropped += len(links)
        return len(links)

    def cut_after(self, count: int) -> None:
        """Close each open connection once `count` more bytes came from the broker on it.

        A response is then likely to end in its middle; with 0, before its first byte.
        """
        for link in self._links:
            link.bytes_left = count

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self.weather.refuse or not self._target_port:
            self.dropped += 1
            _reset(writer)
            return
        try:
            there = await asyncio.open_connection(LOOPBACK, self._target_port)
        except OSError:
            # The broker is away, and its client is told as it would be without a relay.
            _reset(writer)
            return
        link = _Link(self, (reader, writer), there)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


class _Link:
    """A client's connection and the one that was made for it.

    Attributes:
        bytes_left: what may still come from the broker until both are closed; None for no end.
    """

    def __init__(self, relay: Relay, here: _Side, there: _Side) -> None:
        self._relay = relay
        self._here = here
        self._there = there
        self.bytes_left: int | None = None

    async def run(self) -> None:
        """Forward both ways until either side closes."""
        ways = [
            asyncio.create_task(self._forward_requests()),
            asyncio.create_task(self._forward_answers()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for _, writer in (self._here, self._there):
                writer.close()
            await asyncio.gather(*ways, return_exceptions=True)

    def reset(self) -> None:
        """Close both sides at once; what they were sending is lost."""
        for _, writer in (self._here, self._there):
            _reset(writer)

    async def _forward_requests(self) -> None:
        reader, writer = self._here[0], self._there[1]
        while data := await reader.read(_READ_BYTES):
            await self._weather(len(data))
            writer.write(data)
            await writer.drain()

    async def _forward_answers(self) -> None:
        reader, writer = self._there[0], self._here[1]
        while data := await reader.read(_READ_BYTES):
            await self._weather(len(data))
            if self.bytes_left is not None:
                data = data[: self.bytes_left]
                self.bytes_left -= len(data)
            writer.write(data)
            await writer.drain()
            if self.bytes_left == 0:
                self._relay.dropped += 1
                return

    async def _weather(self, count: int) -> None:
        weather = self._relay.weather
        delay_s = weather.delay_ms / 1000
        if weather.bytes_per_s:
            delay_s += count / weather.bytes_per_s
        if delay_s:
            await asyncio.sleep(delay_s)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
