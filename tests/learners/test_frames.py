"""The last frame of a window is answered with it; windows are of one camera and outlive a kill."""

from typing import Any

import msgspec
import numpy as np
import pytest

from aimass_stream.codecs.clips import decode_clip
from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.frames import FrameWindows
from aimass_stream.learners.frames.state import FrameWindowsState
from aimass_stream.records import Clip, ClipData, Image, Limits
from aimass_stream.testing.learners import stored
from tests.codecs.image_files import encoded
from tests.learners.events import NOON_MS

EDGE = 16


def windows(**settings: Any) -> FrameWindowsState:
    made = FrameWindows("w", **{"frames": 4, "stride": 2, **settings})
    return FrameWindowsState(made.settings)


def frame(grey: int, *, key: str = "door", after_ms: int = 0, width: int = EDGE) -> Event:
    pixels = np.full((EDGE, width, 3), grey, np.uint8)
    value = encoded(pixels, "PNG")
    return Event(grey, "frames", NOON_MS + after_ms, f"frames/0/{grey}", key.encode(), value)


def answers(state: FrameWindowsState, events: list[Event]) -> list[ClipData | None]:
    found: list[ClipData | None] = []
    for event in events:
        one = state.read(event)
        found += state.score([one])
        state.learn([one])
    return found


def greys(answer: ClipData | None) -> list[int]:
    """What a clip shows, as the record that an agent writes is read."""
    assert answer is not None
    record = Clip("clips", 0, 0, 0, None, msgspec.json.encode(answer), ())
    record.check(Limits())
    frames = decode_clip(record.bytes, Limits(), 4)
    return [round(float(one.mean()) / 10) * 10 for one in frames]


def test_the_last_frame_of_a_window_carries_it_and_others_are_quiet() -> None:
    found = answers(windows(), [frame(grey, after_ms=grey) for grey in range(10, 90, 10)])
    assert [at for at, one in enumerate(found) if one is not None] == [3, 5, 7]
    assert greys(found[3]) == [10, 20, 30, 40]
    assert greys(found[5]) == [30, 40, 50, 60]
    assert greys(found[7]) == [50, 60, 70, 80]


def test_direction_is_kept_and_frames_that_are_alike_stay_several() -> None:
    down = answers(windows(), [frame(grey) for grey in (40, 30, 20, 10)])[3]
    assert greys(down) == [40, 30, 20, 10]
    assert greys(answers(windows(), [frame(30)] * 4)[3]) == [30, 30, 30, 30]


def test_cameras_do_not_mix() -> None:
    events = [
        frame(base + step, key=key)
        for step in (0, 10, 20, 30)
        for key, base in (("door", 10), ("gate", 110))
    ]
    found = answers(windows(), events)
    assert greys(found[6]) == [10, 20, 30, 40]
    assert greys(found[7]) == [110, 120, 130, 140]
    assert found[:6] == [None] * 6


def test_a_gap_and_another_size_begin_anew() -> None:
    late = [frame(grey, after_ms=(grey > 30) * 60_000) for grey in range(10, 80, 10)]
    assert [one is not None for one in answers(windows(), late)] == [False] * 6 + [True]
    wider = [frame(grey, width=EDGE if grey < 40 else 24) for grey in range(10, 80, 10)]
    assert [one is not None for one in answers(windows(), wider)] == [False] * 6 + [True]


def test_a_window_is_finished_behind_a_restart() -> None:
    events = [frame(grey) for grey in range(10, 70, 10)]
    expected = answers(windows(), events)
    first, second = windows(), windows()
    answers(first, events[:2])
    second.restore(stored(first.snapshot()))
    assert answers(second, events[2:]) == expected[2:]


def test_the_longest_silent_camera_is_forgotten() -> None:
    state = windows(keys=2)
    answers(state, [frame(10, key=key) for key in ("a", "b", "a", "c")])
    assert [row[0] for row in state.snapshot().data["windows"]] == ["a", "c"]


def test_frames_are_shrunk_and_what_is_none_is_refused() -> None:
    state = windows(edge=8)
    assert state.read(frame(10, width=32))[2:4] == (8, 4)
    event = frame(10)
    claim = b'{"uri":"file:///x","sha256":"' + b"0" * 64 + b'","size":3,"type":"image/png"}'
    for value in (b"", b"no image", event.value[:40], claim):
        with pytest.raises(RecordError):
            state.read(msgspec.structs.replace(event, value=value))
    in_json, _ = Image.encode_json(event.value)
    assert state.read(msgspec.structs.replace(event, value=in_json)) == windows(edge=8).read(event)


@pytest.mark.parametrize("settings", [{"frames": 1}, {"stride": 0}, {"gap_s": 0.0}, {"keys": 0}])
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        FrameWindows("w", **settings)
