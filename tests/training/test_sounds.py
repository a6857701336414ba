"""Sounds and audio models: splits apart, quick to learn, honest about what was held out."""

import io
import math
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_audio import AudioClassifier
from aimass_stream.codecs.audio import decode_audio
from aimass_stream.codecs.audio_headers import read_header
from aimass_stream.errors import ConfigError
from aimass_stream.records import Limits, Prediction
from aimass_stream.registry.folder import find, resolve
from aimass_stream.training.audio import SOUNDS, fine_tune_audio_folder, train_sounds
from aimass_stream.training.loop import Recipe
from aimass_stream.training.outcome import Trained
from aimass_stream.training.sounds import LABELS, Drawer, NearestMean, sound_files
from tests.codecs.audio_files import encoded, tone


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def registry(models_folder: Path) -> Path:
    return models_folder


@pytest.fixture(scope="module")
def trained(registry: Path) -> Trained:
    """What is there already is found again."""
    return train_sounds(registry)


def test_splits_have_no_parameter_in_common() -> None:
    drawn = {}
    for split in ("train", "stream"):
        drawer = Drawer(split, np.random.default_rng(0))
        cells = [math.log(drawer.between(100, 400) / 100, 4) * 64 for _ in range(500)]
        assert all(0 <= cell <= 64 for cell in cells)
        drawn[split] = {int(cell + 1e-9) for cell in cells}
    assert not drawn["train"] & drawn["stream"]
    first, second = (next(sound_files(split, seed=1)) for split in ("train", "stream"))
    assert first != second


def test_same_arguments_give_the_same_sounds() -> None:
    first, again, other = (list(islice(sound_files("stream", seed=seed), 60)) for seed in (3, 3, 4))
    for (payload, label), (repeated, same_label) in zip(first, again, strict=True):
        assert label == same_label
        np.testing.assert_array_equal(
            decode_audio(payload, Limits(), 16_000), decode_audio(repeated, Limits(), 16_000)
        )
    assert first[0] != other[0]
    headers = [read_header(payload) for payload, _ in first]
    assert {header.format for header in headers} == {"WAV", "FLAC", "Ogg"}
    assert len({header.rate_hz for header in headers}) == 5
    assert all(0.39 < header.seconds < 1.51 for header in headers)
    assert {label for _, label in first} == set(LABELS)


def test_sounds_are_as_loud_as_they_may_be_and_no_louder() -> None:
    loudest = [
        float(np.abs(decode_audio(payload, Limits(), 16_000)).max())
        for payload, _ in islice(sound_files("train"), 60)
    ]
    assert min(loudest) < 0.2
    assert max(loudest) > 0.8


def test_nearest_mean_is_a_baseline_to_beat() -> None:
    files, labels = zip(*islice(sound_files("stream"), 200), strict=True)
    found = NearestMean(rows=600).predict(list(files))
    right = sum(one == other for one, other in zip(found, labels, strict=True)) / 200
    assert 0.4 < right < 0.75


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_sounds_are_learnt_published_and_trained_once(trained: Trained, registry: Path) -> None:
    assert (trained.name, trained.version) == (SOUNDS, "1")
    assert (trained.train_rows, trained.held_out_rows) == (1200, 400)
    assert trained.accuracy >= 0.86
    manifest = find(registry, SOUNDS)
    assert manifest is not None
    assert manifest.labels == list(LABELS)
    assert train_sounds(registry, lambda _, text: pytest.fail(text)) == trained
    declared = Transformers("audio-classification", f"models://{SOUNDS}")
    classifier = AudioClassifier(resolve(declared, registry), "cpu")
    clean = list(islice(sound_files("stream", noise=0.0, seed=5), 200))
    answers = classifier.predict([classifier.decode(payload) for payload, _ in clean])
    labels = [answer.label for answer in answers if isinstance(answer, Prediction)]
    right = sum(one == label for one, (_, label) in zip(labels, clean, strict=True)) / 200
    assert right >= 0.85


def write_folder(folder: Path, rows: int, separator: str = "/") -> Path:
    """Low and high tones; two classes that any model can tell apart."""
    draw = np.random.default_rng(0)
    for label, low_hz in (("low", 200), ("high", 2_000)):
        for row in range(rows):
            path = folder / f"{label}{separator}{row}.{'wav' if row % 2 else 'flac'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            sound = tone(0.3, hz=low_hz * draw.uniform(1, 1.3))
            path.write_bytes(encoded(sound, "WAV" if row % 2 else "FLAC"))
    return folder


QUICK = Recipe(epochs=8, batch_rows=8, augment=True, mixing=0.2)


@pytest.mark.parametrize("separator", ["/", "_"])
def test_folder_is_learnt_and_measured_on_the_rest(tmp_path: Path, separator: str) -> None:
    seen: list[float] = []
    found = fine_tune_audio_folder(
        write_folder(tmp_path / "data", 16, separator),
        tmp_path / "models",
        "pitch",
        labels="folder" if separator == "/" else "prefix",
        fraction=0.75,
        recipe=QUICK,
        progress=lambda share, _: seen.append(share),
    )
    assert (found.train_rows, found.held_out_rows) == (24, 8)
    assert found.accuracy == 1.0
    assert len(seen) == 8
    manifest = find(tmp_path / "models", "pitch")
    assert manifest is not None
    assert manifest.labels == ["high", "low"]
    assert manifest.card is not None
    assert re.fullmatch(r"trained here on \d+ recordings of data", manifest.card.source)
    assert manifest.card.licence == ""


def test_training_is_repeatable_and_leaves_the_callers_random_state(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 4)
    before = torch.get_rng_state()
    for _ in range(2):
        fine_tune_audio_folder(
            data, tmp_path / "models", "twice", recipe=Recipe(epochs=2, augment=True)
        )
    assert torch.equal(before, torch.get_rng_state())
    first = tmp_path / "models" / "twice" / "1" / "model.safetensors"
    second = tmp_path / "models" / "twice" / "2" / "model.safetensors"
    assert first.read_bytes() == second.read_bytes()


def test_window_is_as_long_as_most_recordings(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 3)
    for label in ("low", "high"):
        file = io.BytesIO()
        soundfile.write(file, tone(2.5), 16_000, format="WAV")
        (data / label / "long.wav").write_bytes(file.getvalue())
    found = fine_tune_audio_folder(
        data,
        tmp_path / "models",
        "m",
        train_files=["low/long.wav", "high/long.wav"],
        recipe=Recipe(epochs=1),
    )
    assert (found.train_rows, found.held_out_rows) == (2, 6)
    text = (tmp_path / "models/m/1/preprocessor_config.json").read_text()
    assert '"chunk_length": 3' in text


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"There is no folder {tmp_path / 'words'}"):
        fine_tune_audio_folder(tmp_path / "words", tmp_path / "models", "m")
    models = tmp_path / "models"
    data = write_folder(tmp_path / "data", 2)
    with pytest.raises(ConfigError, match=r"two classes.*cat_1"):
        fine_tune_audio_folder(data, models, "m", labels="prefix")
    with pytest.raises(ConfigError, match="not there"):
        fine_tune_audio_folder(data, models, "m", train_files=["low/99.wav"])
    with pytest.raises(ConfigError, match="no file to train on"):
        fine_tune_audio_folder(data, models, "m", fraction=0.0)
    (data / "low" / "0.flac").write_bytes(b"no sound")
    with pytest.raises(ConfigError, match=r"low/0\.flac"):
        fine_tune_audio_folder(data, models, "m", fraction=1.0)
    assert not models.exists()
