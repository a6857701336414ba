"""The state of `FrameWindows`: the latest frames of each key."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from PIL import Image as Pictures

from aimass_stream.codecs.images import decode_image
from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.frames.declaration import FrameWindows
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.records import ClipData, Image, Limits
from aimass_stream.records.clip import WEBP

_QUALITY = 90
_FRAME_MS = 100
_LIMITS = Limits()


class Frame(NamedTuple):
    """A frame as it is kept.

    Attributes:
        key: whose it is.
        time_ms: event time.
        width: in pixels, shrunk.
        height: likewise.
        jpeg: the file.
    """

    key: str
    time_ms: int
    width: int
    height: int
    jpeg: bytes


class Window(msgspec.Struct, frozen=True):
    """The latest frames of a key.

    Attributes:
        last_ms: event time of the latest.
        width: of all of them, in pixels.
        height: likewise.
        left: frames until the next clip ends.
        jpegs: the files, oldest first.
    """

    last_ms: int
    width: int
    height: int
    left: int
    jpegs: tuple[bytes, ...]


class FrameWindowsState:
    """The `LearnerState` of `FrameWindows`. A frame of 256 pixels takes 5 to 20 kB."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._declared = FrameWindows("frames", **settings)
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._open = OpenBlock(dict[str, Window], self._answer)

    def read(self, event: Event) -> Frame:
        """An image, shrunk.

        Raises:
            RecordError: it is none that can be decoded, or a claim check.
        """
        record = Image(event.topic, 0, event.offset, event.timestamp_ms, event.key, event.value, ())
        record.check(_LIMITS)
        if record.claim is not None:
            raise RecordError(Reason.BAD_ENVELOPE, "a frame must come along; it is a claim check")
        picture = Pictures.fromarray(decode_image(record.bytes, _LIMITS))
        picture.thumbnail((self._declared.edge, self._declared.edge))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=_QUALITY)
        key = "" if event.key is None else event.key.decode(errors="replace")
        return Frame(key, event.timestamp_ms, picture.width, picture.height, file.getvalue())

    def score(self, inputs: Sequence[Frame]) -> list[ClipData | None]:
        """The window that ends with a frame, as a clip; None for a frame that ends none."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Frame]) -> None:
        """Remember frames."""
        self._open.close()
        for frame in inputs:
            self._windows[frame.key] = self._follow(self._windows.get(frame.key), frame)
            self._windows.move_to_end(frame.key)
            if len(self._windows) > self._declared.keys:
                self._windows.popitem(last=False)

    def snapshot(self) -> Snapshot:
        """Every key's window, the longest silent first."""
        rows = [[key, *msgspec.structs.astuple(one)] for key, one in self._windows.items()]
        return Snapshot({}, {"windows": [[*row[:-1], list(row[-1])] for row in rows]})

    def restore(self, snapshot: Snapshot) -> None:
        """Have the windows that were laid down."""
        self._windows = OrderedDict(
            (key, Window(last_ms, width, height, left, tuple(jpegs)))
            for key, last_ms, width, height, left, jpegs in snapshot.data["windows"]
        )
        self._open.close()

    def _answer(self, ahead: dict[str, Window], inputs: Sequence[Frame]) -> list[ClipData | None]:
        answers: list[ClipData | None] = []
        for frame in inputs:
            window = self._follow(ahead.get(frame.key) or self._windows.get(frame.key), frame)
            ahead[frame.key] = window
            answers.append(clip_of(window.jpegs) if window.left == 0 else None)
        return answers

    def _follow(self, window: Window | None, frame: Frame) -> Window:
        declared = self._declared
        if (
            window is None
            or frame.time_ms - window.last_ms > declared.gap_s * 1000
            or (window.width, window.height) != (frame.width, frame.height)
        ):
            first = (frame.jpeg,)
            return Window(frame.time_ms, frame.width, frame.height, declared.frames - 1, first)
        left = (window.left or declared.stride) - 1
        jpegs = (*window.jpegs, frame.jpeg)[-declared.frames :]
        # A late frame does not turn a camera's time back.
        last_ms = max(frame.time_ms, window.last_ms)
        return Window(last_ms, frame.width, frame.height, left, jpegs)


def clip_of(jpegs: Sequence[bytes]) -> ClipData:
    """Frames of one size as an animated WebP, each a whole picture.

    Written here, chunk by chunk: the library makes one frame of several that are alike, and no
    animation at all of a camera that sees nothing move.
    """
    chunks = []
    width, height = 0, 0
    for jpeg in jpegs:
        with Pictures.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
            width, height = picture.size
            file = io.BytesIO()
            picture.save(file, "WEBP", quality=_QUALITY, method=2)
        size = _three_bytes(width - 1) + _three_bytes(height - 1)
        # Behind the file's own header comes the picture's chunk, as a frame holds it.
        frame = bytes(6) + size + _three_bytes(_FRAME_MS) + b"\0" + file.getvalue()[12:]
        chunks.append(_chunk(b"ANMF", frame))
    canvas = b"\x02\0\0\0" + _three_bytes(width - 1) + _three_bytes(height - 1)
    body = b"WEBP" + _chunk(b"VP8X", canvas) + _chunk(b"ANIM", bytes(6)) + b"".join(chunks)
    return ClipData(_chunk(b"RIFF", body), WEBP)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def _three_bytes(number: int) -> bytes:
    return number.to_bytes(3, "little")
