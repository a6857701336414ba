"""The stream of late labels, and what a backbone adds, on data small enough to train on here."""

import io
from pathlib import Path

import numpy as np
import orjson
import pytest
import soundfile

from aimass_stream.learners import Head
from aimass_stream.records import Embedding
from benchmarks.learning.heads import digits, sentences
from benchmarks.learning.late import Shown, late_events, stream

LABELS = ("a", "b", "c", "d")
ROWS = 400


def shown(spread: float, seed: int = 0) -> list[Shown]:
    """Records of four kinds around four corners."""
    draw = np.random.default_rng(seed)
    which = draw.integers(4, size=ROWS)
    points = np.eye(8)[which] + draw.normal(0, spread, (ROWS, 8))
    return [
        Shown(Embedding.of(point), LABELS[label])
        for point, label in zip(points, which.tolist(), strict=True)
    ]


def test_labels_come_behind_their_records_out_of_order_twice_or_never() -> None:
    events = late_events(shown(0.1), 0, np.random.default_rng(0))
    assert [event.offset for event in events] == list(range(len(events)))
    values = [orjson.loads(event.value) for event in events]
    asked = {event.root: event.offset for event in events if event.topic == "shown"}
    told = [(value["record"], at) for at, value in enumerate(values) if "record" in value]
    assert len(asked) == ROWS
    assert all(at > asked[record] for record, at in told)
    firsts = [record for record, _ in told]
    assert firsts != sorted(firsts, key=asked.__getitem__)
    times = [firsts.count(record) for record in asked]
    assert {0, 1, 2} == set(times)
    assert 0.05 < times.count(0) / ROWS < 0.15
    assert 0.05 < times.count(2) / ROWS < 0.15


def test_what_can_be_learnt_is_learnt_and_sooner_where_it_is_known() -> None:
    head = Head("h", LABELS, 8)
    empty = stream(head, shown(0.1), seed=0)
    taught = stream(head, shown(0.1), seed=0, known=shown(0.1, seed=1))
    assert empty.records == taught.records == ROWS
    assert empty.last_half > 0.98
    assert taught.accuracy > 0.98 > empty.accuracy
    assert 0.85 * ROWS < empty.labels < ROWS
    assert taught.labels == empty.labels


def test_no_answer_knows_its_own_label() -> None:
    draw = np.random.default_rng(9)
    told = [Shown(one.embedding, LABELS[draw.integers(4)]) for one in shown(1.0)]
    assert stream(Head("h", LABELS, 8), told, seed=0).accuracy == pytest.approx(0.25, abs=0.08)


def tone(hz: float, seed: int) -> bytes:
    times = np.arange(4_000) / 8_000
    noise = np.random.default_rng(seed).normal(0, 0.02, len(times))
    file = io.BytesIO()
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * hz * times) + noise, 8_000, format="WAV")
    return file.getvalue()


def test_recordings_of_other_speakers_are_streamed(tmp_path: Path) -> None:
    for place, speaker in enumerate(("ann", "bob", "cem")):
        for word, hz in (("low", 200), ("high", 1_500)):
            for number in range(8):
                name = f"{word}_{speaker}_{number}.wav"
                (tmp_path / name).write_bytes(tone(hz * (1 + place / 10), 100 * place + number))
    found = digits(tmp_path, part=0.3)
    assert found is not None
    assert list(found["splits"]) == ["ann bob"]
    assert found["rows"] == 16
    assert found["accuracy"] > 0.9
    assert found["accuracy"] == found["splits"]["ann bob"]["accuracy"]


def test_sentences_that_were_not_trained_on_are_streamed(tmp_path: Path) -> None:
    words = {"1": ("fine", "lovely", "great"), "0": ("dull", "poor", "awful")}
    for name, rows in (("train", 120), ("dev", 20), ("test", 30)):
        draw = np.random.default_rng(rows)
        lines = []
        for at in range(rows):
            label = str(at % 2)
            lines.append(f"{label} a {words[label][draw.integers(3)]} film number {at}")
        (tmp_path / f"stsa.binary.{name}").write_text("\n".join(lines))
    found = sentences(tmp_path)
    assert found is not None
    assert found["rows"] == 50
    assert found["accuracy"] > 0.9
    assert found["begun_empty_without_backbone"] <= found["accuracy_without_backbone"]


def test_where_there_is_nothing_nothing_is_measured(tmp_path: Path) -> None:
    assert digits(tmp_path) is None
    assert sentences(tmp_path) is None
