from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass_stream.runtime.frames import (
    DEFAULT_LIMITS,
    MAGIC,
    PREFIX,
    Frame,
    FrameError,
    FrameLimits,
    FramePeer,
    encode_head,
)
from aimass_stream.runtime.messages import Cancel, Load, Predict, Started, ToDevice
from tests.runtime.helpers import spec, until

Connect = Callable[..., Awaitable[tuple["End", socket.socket]]]

SMALL = FrameLimits(header_bytes=1000, buffers=10, body_bytes=5000)


@dataclass
class End:
    """A peer, and what it was told."""

    limits: FrameLimits = DEFAULT_LIMITS
    frames: list[Frame[ToDevice]] = field(default_factory=list)
    closed: list[Exception | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        decoder = msgspec.msgpack.Decoder[ToDevice](ToDevice)
        self.peer = FramePeer[ToDevice](
            decoder, self.frames.append, self.closed.append, self.limits
        )

    def error(self) -> str:
        assert isinstance(self.closed[0], FrameError)
        return str(self.closed[0])


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """A peer whose other end is a bare socket."""
    sockets: list[socket.socket] = []
    ends: list[End] = []

    async def connect(limits: FrameLimits = DEFAULT_LIMITS) -> tuple[End, socket.socket]:
        ours, theirs = socket.socketpair()
        sockets.append(theirs)
        end = End(limits)
        ends.append(end)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: end.peer, ours)
        return end, theirs

    yield connect
    for sock in sockets:
        sock.close()
    await until(lambda: all(end.closed for end in ends), "all closed")


def whole(header: msgspec.Struct, *buffers: bytes) -> bytes:
    return encode_head(header, buffers)[0] + b"".join(buffers)


@pytest.mark.parametrize(
    "sizes", [[], [0], [0, 1, 0], [250] * 32, [70_000], [3_000_000, 0, 5_000_000]]
)
async def test_buffers_arrive_in_order_whatever_their_size(sizes: list[int]) -> None:
    left, right = End(), End()
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    await loop.connect_accepted_socket(lambda: left.peer, ours)
    await loop.connect_accepted_socket(lambda: right.peer, theirs)
    buffers = [os.urandom(size) for size in sizes]
    for call in (1, 2):
        left.peer.send(Predict(call, "m@1", None), buffers)
    await until(lambda: len(right.frames) == 2, "two frames")
    for call, frame in enumerate(right.frames, 1):
        assert frame.header == Predict(call, "m@1", None)
        assert frame.blobs() == buffers
        assert [bytes(view) for view in frame.views()] == buffers
        assert all(view.readonly for view in frame.views())
    left.peer.close()
    await until(lambda: left.closed and right.closed, "both closed")
    assert left.closed == right.closed == [None]


@settings(max_examples=30, deadline=None)
@given(
    frames=st.lists(st.lists(st.binary(max_size=300), max_size=5), max_size=5),
    cuts=st.lists(st.integers(1, 100), min_size=1, max_size=10),
)
def test_frames_arrive_whole_however_they_are_cut(
    frames: list[list[bytes]], cuts: list[int]
) -> None:
    stream = b"".join(whole(Cancel(call), *buffers) for call, buffers in enumerate(frames))
    end = End()
    end.peer.connection_made(asyncio.Transport())
    end.peer._is_closing = lambda: False  # type: ignore[method-assign]
    position = 0
    while position < len(stream):
        size = cuts[position % len(cuts)]
        piece = stream[position : position + size]
        end.peer.get_buffer(-1)[: len(piece)] = piece
        end.peer.buffer_updated(len(piece))
        position += len(piece)
    assert [frame.blobs() for frame in end.frames] == frames
    assert [frame.header for frame in end.frames] == [Cancel(call) for call in range(len(frames))]


def prefix(header_bytes: int, buffers: int, body_bytes: int, magic: int = MAGIC) -> bytes:
    return PREFIX.pack(magic, header_bytes, buffers, body_bytes)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", "no frame", id="another protocol"),
        pytest.param(prefix(10, 0, 0, magic=MAGIC + 1), "no frame", id="another version"),
        pytest.param(prefix(1001, 0, 0), "header of 1001 bytes", id="long header"),
        pytest.param(prefix(10, 11, 0), "11 buffers", id="many buffers"),
        pytest.param(prefix(10, 1, 5001), "buffers of 5001 bytes", id="large buffers"),
        pytest.param(prefix(10, 1, 2**63), "buffers of", id="huge buffers"),
        pytest.param(
            prefix(3, 1, 7) + b"\x08\0\0\0" + msgspec.msgpack.encode([3, 1]) + b"1234567",
            "where 7 were announced",
            id="sizes that do not fit",
        ),
        pytest.param(prefix(3, 0, 0) + b"\xc1\xc1\xc1", "header that is none", id="no msgpack"),
        pytest.param(whole(Started(1)), "header that is none", id="not for this end"),
        pytest.param(
            prefix(4, 0, 0) + msgspec.msgpack.encode([3, "x"]), "header that is none", id="types"
        ),
        pytest.param(
            prefix(5, 0, 0) + b"\x80\x04N.\0", "header that is none", id="a pickle is no header"
        ),
    ],
)
async def test_a_frame_that_breaks_the_protocol_closes_the_connection(
    connect: Connect, data: bytes, says: str
) -> None:
    end, theirs = await connect(SMALL)
    theirs.sendall(whole(Cancel(1)) + data)
    await until(lambda: end.closed, "closed")
    assert says in end.error()
    assert [frame.header for frame in end.frames] == [Cancel(1)]
    assert theirs.recv(1) == b""


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
async def test_a_peer_that_closes_in_a_frame_ends_the_read_at_once(
    connect: Connect, part: float, *, large: bool
) -> None:
    end, theirs = await connect()
    data = whole(Cancel(1), bytes(120_000 if large else 100))
    theirs.sendall(data[: max(1, int(len(data) * part))])
    theirs.close()
    assert await until(lambda: end.closed, "closed") < 1
    assert "middle of a frame" in end.error()
    assert end.frames == []


async def test_a_frame_beyond_the_limits_is_refused_before_it_is_sent(
    connect: Connect,
) -> None:
    end, theirs = await connect(SMALL)
    with pytest.raises(FrameError, match="11 buffers"):
        end.peer.send(Cancel(1), [b""] * 11)
    with pytest.raises(FrameError, match="header of"):
        end.peer.send(Load(1, spec(text="x" * 2000)))
    end.peer.send(Cancel(2))
    theirs.settimeout(5)
    assert theirs.recv(1000) == whole(Cancel(2))


async def test_what_a_frame_handler_raises_closes_the_connection(
    connect: Connect,
) -> None:
    end, theirs = await connect()

    def refuse(frame: Frame[ToDevice]) -> None:
        raise FrameError("not now")

    end.peer._on_frame = refuse
    theirs.sendall(whole(Cancel(1)))
    await until(lambda: end.closed, "closed")
    assert end.error() == "not now"


async def test_sending_on_a_closed_connection_does_nothing(
    connect: Connect,
) -> None:
    end, theirs = await connect()
    theirs.close()
    await until(lambda: end.closed, "closed")
    end.peer.send(Cancel(1))
    end.peer.pause_reading()
    end.peer.resume_reading()
    end.peer.close()
