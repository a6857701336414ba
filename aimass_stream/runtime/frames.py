"""Frames: how the processes of the engine speak over a Unix socket.

A frame is a fixed prefix (magic and version, bytes of the header, number of buffers, bytes of
all buffers), the size of each buffer, a header in msgpack, and the buffers as they are. Every
length is checked against a limit before anything is allocated. Nothing is ever unpickled.

The prefix and the sizes are in the machine's byte order: both ends are on one machine.
"""

from __future__ import annotations

import asyncio
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import msgspec

T = TypeVar("T")

Payload = bytes | memoryview

MAGIC = int.from_bytes(b"aim\x01", "big")
PREFIX = struct.Struct("=IIIQ")

_SIZE_BYTES = 4
_STAGING_BYTES = 64 * 1024
_JOIN_BYTES = 256 * 1024

_encode_header = msgspec.msgpack.Encoder().encode


class FrameError(Exception):
    """The peer broke the protocol; the connection is closed."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What a frame may hold at the most.

    Attributes:
        header_bytes: bytes of the header.
        buffers: number of buffers.
        body_bytes: bytes of all buffers together.
    """

    header_bytes: int = 4 * 1024 * 1024
    buffers: int = 64 * 1024
    body_bytes: int = 512 * 1024 * 1024


DEFAULT_LIMITS = FrameLimits()


class Frame(Generic[T]):
    """One frame as it was received: the header, and buffers that share one block of memory."""

    __slots__ = ("_body", "_sizes", "header")

    def __init__(self, header: T, body: Payload, sizes: Sequence[int]) -> None:
        self.header = header
        self._body = body
        self._sizes = sizes

    def views(self) -> list[memoryview]:
        """The buffers, read-only and without a copy; each keeps all of them in memory."""
        return split(memoryview(self._body), self._sizes)

    def blobs(self) -> list[bytes]:
        """The buffers as bytes of their own."""
        start, blobs = 0, []
        for size in self._sizes:
            blobs.append(bytes(self._body[start : start + size]))
            start += size
        return blobs


def split(body: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    """Cut `body` into consecutive views of these sizes."""
    start, views = 0, []
    for size in sizes:
        views.append(body[start : start + size])
        start += size
    return views


def encode_head(
    header: msgspec.Struct, buffers: Sequence[Payload], limits: FrameLimits = DEFAULT_LIMITS
) -> tuple[bytes, int]:
    """Encode what precedes the buffers of a frame; also returns the bytes of the buffers.

    Raises:
        FrameError: the frame would exceed a limit, so the peer would hang up.
    """
    encoded = _encode_header(header)
    sizes = list(map(len, buffers))
    body_bytes = sum(sizes)
    _check_lengths(len(encoded), len(sizes), body_bytes, limits)
    prefix = PREFIX.pack(MAGIC, len(encoded), len(sizes), body_bytes)
    return prefix + array("I", sizes).tobytes() + encoded, body_bytes


def _check_lengths(header_bytes: int, buffers: int, body_bytes: int, limits: FrameLimits) -> None:
    if header_bytes > limits.header_bytes:
        raise FrameError(f"a header of {header_bytes} bytes; the limit is {limits.header_bytes}")
    if buffers > limits.buffers:
        raise FrameError(f"{buffers} buffers; the limit is {limits.buffers}")
    if body_bytes > limits.body_bytes:
        raise FrameError(f"buffers of {body_bytes} bytes; the limit is {limits.body_bytes}")


class FramePeer(asyncio.BufferedProtocol, Generic[T]):
    """One end of a connection. Belongs to the event loop it is connected on.

    Bytes are received into the place where they are parsed: small frames in a fixed block,
    large ones in a block of their own, from which their buffers are views.

    Args:
        decoder: accepts the headers that the other end may send.
        on_frame: called with each frame, in order. What it raises closes the connection.
        on_close: called once, with the reason when it was not an orderly end.
        limits: bounds on what is received and sent.
    """

    def __init__(
        self,
        decoder: msgspec.msgpack.Decoder[T],
        on_frame: Callable[[Frame[T]], None],
        on_close: Callable[[Exception | None], None],
        limits: FrameLimits = DEFAULT_LIMITS,
    ) -> None:
        self._decode = decoder.decode
        self._on_frame = on_frame
        self._on_close = on_close
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._staging = memoryview(bytearray(_STAGING_BYTES))
        self._large: memoryview | None = None
        self._filled = 0
        self._error: Exception | None = None

    # -- sending -------------------------------------------------------------------------

    def send(self, header: msgspec.Struct, buffers: Sequence[Payload] = ()) -> None:
        """Send a frame; on a closed connection, nothing happens.

        The buffers must not change until the answer is there.

        Raises:
            FrameError: the frame exceeds a limit; nothing was sent.
        """
        head, body_bytes = encode_head(header, buffers, self._limits)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if body_bytes <= _JOIN_BYTES:
            transport.write(b"".join((head, *buffers)))
            return
        transport.write(head)
        for buffer in buffers:
            transport.write(buffer)

    def close(self) -> None:
        """Close after what was sent has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, error: Exception | None = None) -> None:
        """Close at once; `error` is what `on_close` is told."""
        self._error = self._error or error
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Take nothing more from the peer, so that its frames wait on its side."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take frames again."""
        transport = self._transport
        if transport is not None and not transport.is_closing() and not transport.is_reading():
            transport.resume_reading()

    # -- called by the event loop --------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by the event loop."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go; called by the event loop."""
        del sizehint
        return (self._staging if self._large is None else self._large)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have arrived; called by the event loop."""
        self._filled += nbytes
        try:
            if self._large is None:
                self._parse_staging()
            elif self._filled == len(self._large):
                whole, self._large, self._filled = self._large, None, 0
                self._deliver(whole.toreadonly(), own=True)
        except FrameError as error:
            self.abort(error)
        except msgspec.MsgspecError as error:
            self.abort(FrameError(f"a header that is none: {error}"))

    def eof_received(self) -> None:
        """The peer is gone; called by the event loop."""
        if self._filled:
            self._error = self._error or FrameError("the peer closed in the middle of a frame")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over; called by the event loop."""
        self._transport = None
        self._on_close(self._error or exc)

    # -- parsing -------------------------------------------------------------------------

    def _parse_staging(self) -> None:
        staging, start, end = self._staging, 0, self._filled
        while end - start >= PREFIX.size and not self._is_closing():
            frame_bytes = self._frame_bytes(staging[start : start + PREFIX.size])
            if end - start < frame_bytes:
                if frame_bytes > len(staging):
                    self._receive_large(staging[start:end], frame_bytes)
                    return
                break
            self._deliver(staging[start : start + frame_bytes], own=False)
            start += frame_bytes
        if start:
            staging[: end - start] = staging[start:end]
            self._filled = end - start

    def _is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _frame_bytes(self, prefix: memoryview) -> int:
        lengths: tuple[int, int, int, int] = PREFIX.unpack(prefix)
        magic, header_bytes, buffers, body_bytes = lengths
        if magic != MAGIC:
            raise FrameError("what arrived is no frame of this version")
        _check_lengths(header_bytes, buffers, body_bytes, self._limits)
        return PREFIX.size + buffers * _SIZE_BYTES + header_bytes + body_bytes

    def _receive_large(self, received: memoryview, frame_bytes: int) -> None:
        large = memoryview(bytearray(frame_bytes))
        large[: len(received)] = received
        self._large, self._filled = large, len(received)

    def _deliver(self, frame: memoryview, *, own: bool) -> None:
        _, header_bytes, buffers, body_bytes = PREFIX.unpack(frame[: PREFIX.size])
        header_start = PREFIX.size + buffers * _SIZE_BYTES
        body_start = header_start + header_bytes
        sizes = frame[PREFIX.size : header_start].cast("I").tolist()
        if sum(sizes) != body_bytes:
            raise FrameError(f"buffers of {sum(sizes)} bytes where {body_bytes} were announced")
        header = self._decode(frame[header_start:body_start])
        body = frame[body_start:] if own else bytes(frame[body_start:])
        self._on_frame(Frame(header, body, sizes))
