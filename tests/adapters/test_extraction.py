"""Features of recordings: many at a time are what each alone is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import ASTFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from aimass_stream.adapters.extraction import Extraction, ExtractsFeatures
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Limits
from tests.codecs.audio_files import encoded, tone

EXTRACTORS: dict[str, Any] = {
    "whisper": (WhisperFeatureExtractor, {"chunk_length": 2}, True),
    "whisper with masks": (
        WhisperFeatureExtractor,
        {"chunk_length": 2, "return_attention_mask": True},
        True,
    ),
    "ast": (ASTFeatureExtractor, {"max_length": 64, "num_mel_bins": 32}, True),
    "wav2vec2": (Wav2Vec2FeatureExtractor, {}, False),
    "wav2vec2 with masks": (Wav2Vec2FeatureExtractor, {"return_attention_mask": True}, False),
}


@pytest.fixture(params=EXTRACTORS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path, kind: str) -> Path:
    make, settings, _ = EXTRACTORS[kind]
    make(**settings).save_pretrained(tmp_path)
    return tmp_path


def reader(folder: Path) -> ExtractsFeatures:
    made = ExtractsFeatures()
    made.extract_within(ModelSpec("sounds", "1", "", str(folder), limits=Limits()))
    return made


def test_many_at_a_time_are_what_each_alone_is(folder: Path) -> None:
    made = reader(folder)
    # More than are worked out at a time, from less than a window of features to more than all.
    lengths = [0.05, 0.3, 1.1, 2.0, 3.0] * 8
    files = [encoded(tone(seconds, hz=200 + 40 * at)) for at, seconds in enumerate(lengths)]
    together = made.decode_all(files)
    for payload, features in zip(files, together, strict=True):
        alone = made.decode(payload)
        assert not isinstance(features, RecordError)
        assert features.dtype == alone.dtype == np.float32
        np.testing.assert_allclose(features, alone, rtol=1e-5, atol=1e-6)


def test_one_that_cannot_be_opened_costs_itself(folder: Path) -> None:
    files = [encoded(tone(0.5)), b"nothing of the kind", encoded(tone(0.5, hz=300)), b""]
    first, broken, second, empty = reader(folder).decode_all(files)
    assert isinstance(broken, RecordError)
    assert broken.reason is Reason.TYPE_MISMATCH
    assert isinstance(empty, RecordError)
    assert empty.reason is Reason.EMPTY
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    assert not np.array_equal(first, second)


def test_what_is_brought_to_one_window_costs_alike(folder: Path, kind: str) -> None:
    assert reader(folder).costs_alike is EXTRACTORS[kind][2]


def test_an_extractor_of_images_is_refused() -> None:
    with pytest.raises(SetupError, match="none for audio"):
        Extraction(object(), Path("somewhere"))
