"""A stream of pieces is heard as the library hears the whole, wherever it was cut or killed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from aimass_stream.adapters.transformers_listening import ListenerState
from aimass_stream.errors import ConfigError, RecordError, SetupError
from aimass_stream.learner import Event
from aimass_stream.learners.listener import Listener
from aimass_stream.records import Audio, Transcript
from aimass_stream.testing import LEARNER_CHECKS, check_learner
from aimass_stream.testing.learners import stored
from tests.codecs.audio_files import encoded
from tests.learners.events import NOON_MS
from tests.learners.streaming import (
    LOOKAHEAD,
    RATE_HZ,
    STEP_S,
    build_streaming,
    heard_by_library,
    sound,
)
from tests.zoo.transcripts import build_parakeet

pytest.importorskip("librosa")
pytestmark = pytest.mark.filterwarnings("ignore")
END = b'{"end": true}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("streaming")
    build_streaming(made)
    return made


def listener(folder: Path, **settings: Any) -> ListenerState:
    made = Listener("calls", str(folder), lookahead=LOOKAHEAD, **settings)
    return ListenerState(made.settings)


def piece(samples: Any, place: int, *, key: str = "anna", after_ms: int = 0) -> Event:
    value = samples if isinstance(samples, bytes) else encoded(samples, encoding="FLOAT")
    time_ms = NOON_MS + after_ms
    return Event(place, "speech", time_ms, f"speech/0/{place}", key.encode(), value)


def cut(samples: Any, lengths: Sequence[int], *, key: str = "anna", first: int = 0) -> list[Event]:
    ends = np.cumsum([0, *lengths]).tolist()
    parts = [samples[begin:end] for begin, end in pairwise([*ends, len(samples)])]
    return [
        piece(part, first + at, key=key, after_ms=at) for at, part in enumerate(parts) if len(part)
    ]


def answers(state: ListenerState, events: Sequence[Event]) -> list[Transcript | None]:
    found: list[Transcript | None] = []
    for event in events:
        read = state.read(event)
        found += state.score([read])
        state.learn([read])
    return found


def last(found: Sequence[Transcript | None]) -> Transcript:
    return [one for one in found if one is not None][-1]


@pytest.mark.parametrize("lengths", [[4_000] * 8, [100, 7_000, 1, 9_999, 3_000], [40_000], []])
def test_pieces_are_heard_as_the_library_hears_the_whole(folder: Path, lengths: list[int]) -> None:
    samples = sound(3.0, 1)
    text, words = heard_by_library(folder, samples)
    assert len({word.text for word in words}) > 2
    found = last(answers(listener(folder), cut(samples, lengths)))
    assert found.text == text
    assert [one.text for one in found.words] == [one.text for one in words]
    for one, due in zip(found.words, words, strict=True):
        assert (one.start_s, one.end_s) == pytest.approx((due.start_s, due.end_s), abs=1e-9)


def test_text_grows_and_times_never_go_back(folder: Path) -> None:
    found = answers(listener(folder), cut(sound(4.0, 2), [3_000] * 20))
    told = [one for one in found if one is not None]
    assert 1 < len(told) < len(found)
    for before, after in pairwise(told):
        assert after.words[: len(before.words) - 1] == before.words[:-1]
        assert after.text.startswith(before.text)
    words = told[-1].words
    assert all(word.start_s < word.end_s for word in words)
    assert all(
        before.start_s <= after.start_s and before.end_s <= after.end_s
        for before, after in pairwise(words)
    )
    assert words[-1].end_s <= told[-1].duration_s == pytest.approx(4.0)


def test_speakers_do_not_mix_whatever_their_order_or_blocks(folder: Path) -> None:
    each = {key: sound(2.0, seed) for seed, key in enumerate(("anna", "bo", "cy"))}
    logs = [cut(samples, [5_000] * 6, key=key) for key, samples in each.items()]
    mixed = [event for turn in zip(*logs, strict=True) for event in turn]
    log = [msgspec.structs.replace(one, offset=at) for at, one in enumerate(mixed)]
    alone = [answers(listener(folder), events) for events in logs]
    together = answers(listener(folder), log)
    assert [together[at::3] for at in range(3)] == alone
    state = listener(folder)
    block = [state.read(event) for event in log]
    assert state.score(block) == together


def test_an_end_hears_what_waits_and_begins_anew(folder: Path) -> None:
    samples = sound(2.05, 3)
    events = [*cut(samples, [9_000] * 3), piece(END, 90, after_ms=90)]
    found = answers(listener(folder), events)
    padded = np.concatenate([samples, np.zeros(RATE_HZ, np.float32)])
    text, _ = heard_by_library(folder, padded)
    assert text.startswith(last(found).text)
    assert len(last(found).text) > len(last(found[:-1]).text)
    assert last(found).duration_s == pytest.approx(2.05)
    state = listener(folder)
    again = [msgspec.structs.replace(one, offset=one.offset + 100) for one in events]
    assert answers(state, events) == answers(state, again) == found
    assert answers(state, [piece(END, 300)]) == [None]


def test_a_gap_begins_anew_and_a_late_piece_does_not(folder: Path) -> None:
    one, other = sound(1.0, 1), sound(1.0, 2)
    apart = answers(listener(folder), [piece(one, 0), piece(other, 1, after_ms=60_000)])
    assert apart[1] == answers(listener(folder), [piece(other, 1)])[0]
    late = answers(listener(folder), [piece(one, 0, after_ms=5), piece(other, 1)])
    assert last(late).duration_s == pytest.approx(2.0)


def test_old_words_are_left_out_and_the_rest_keep_their_times(folder: Path) -> None:
    events = cut(sound(5.0, 2), [8_000] * 9)
    whole = last(answers(listener(folder), events))
    short = last(answers(listener(folder, keep_s=2.0), events))
    assert 0 < len(short.words) < len(whole.words)
    assert short.words == whole.words[-len(short.words) :]
    assert short.duration_s == whole.duration_s
    state = listener(folder, keep_s=1.0)
    answers(state, events)
    (row,) = state.snapshot().data["speeches"]
    assert 0 < len(row[3]) <= 2 * 2 * (1.0 / STEP_S + 1)


def test_the_longest_silent_speaker_is_forgotten(folder: Path) -> None:
    state = listener(folder, keys=2)
    samples = sound(0.5, 1)
    answers(state, [piece(samples, at, key=key) for at, key in enumerate(["a", "b", "a", "c"])])
    assert [row[0] for row in state.snapshot().data["speeches"]] == ["a", "c"]


def laws_log() -> list[Event]:
    logs = [cut(sound(1.5, seed), [3_000 + 700 * seed] * 8, key=f"k{seed}") for seed in range(3)]
    mixed = sorted((event for log in logs for event in log), key=lambda one: one.offset)
    mixed.insert(10, piece(END, 0, key="k1"))
    log = [msgspec.structs.replace(one, offset=at) for at, one in enumerate(mixed)]
    return [msgspec.structs.replace(one, timestamp_ms=NOON_MS + one.offset) for one in log]


@pytest.mark.parametrize("check", LEARNER_CHECKS)
def test_law(folder: Path, check: str) -> None:
    made = Listener("calls", str(folder), lookahead=LOOKAHEAD, keys=2, keep_s=0.5, block_rows=2)
    check_learner(made, laws_log(), only=[check])


def test_another_models_state_is_refused(folder: Path) -> None:
    state = listener(folder)
    other = ListenerState({**Listener("calls", str(folder), lookahead=1).settings, "digest": "x"})
    answers(state, [piece(sound(1.0, 1), 0)])
    with pytest.raises(ValueError, match="other weights"):
        other.restore(stored(state.snapshot()))


def test_what_is_no_piece_is_refused(folder: Path) -> None:
    state = listener(folder, piece_s=1.0)
    event = piece(sound(0.5, 1), 0)
    claim = b'{"uri":"file:///x","sha256":"' + b"0" * 64 + b'","size":3,"type":"audio/wav"}'
    end = b'{"end": false}'
    long = piece(sound(1.1, 1), 0).value
    for value in (b"", b"no sound", event.value[:40], claim, end, long):
        with pytest.raises(RecordError):
            state.read(msgspec.structs.replace(event, value=value))
    in_json, _ = Audio.encode_json(event.value)
    pieces = [state.read(event), state.read(msgspec.structs.replace(event, value=in_json))]
    raw, packed = (one.samples for one in pieces)
    assert raw is not None
    assert packed is not None
    assert np.array_equal(raw, packed)


def test_a_model_that_cannot_go_on_is_refused(tmp_path: Path) -> None:
    build_parakeet(tmp_path)
    with pytest.raises(SetupError, match="chunk to chunk"):
        listener(tmp_path)


@pytest.mark.parametrize(
    "settings", [{"lookahead": -1}, {"keys": 0}, {"gap_s": 0}, {"keep_s": 0.0}, {"piece_s": -1}]
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Listener("calls", "models://m", **settings)
    with pytest.raises(ConfigError, match="model"):
        Listener("calls", "")
