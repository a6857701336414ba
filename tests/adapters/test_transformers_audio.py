"""Audio classification: the library's own answers, alone or in a batch, or a clear refusal."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    AutoModelForAudioClassification,
    ViTImageProcessorPil,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
)

from aimass_stream.adapters.extraction import load_extractor
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_audio import AudioClassifier
from aimass_stream.codecs.audio import decode_audio
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec, Predictor
from aimass_stream.records import Audio, Limits, Prediction
from aimass_stream.registry.folder import resolve
from tests.codecs.audio_files import encoded, tone, wav

LABELS = {0: "tone", 1: "speech", 2: "knock", 3: "hum"}
MODELS = ["ast", "wav2vec2", "wav2vec2 group norm"]
SMALL: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


def build_ast(folder: Path) -> None:
    config = ASTConfig(
        **SMALL,
        intermediate_size=32,
        max_length=64,
        num_mel_bins=32,
        frequency_stride=16,
        time_stride=16,
        id2label=LABELS,
    )
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=64, num_mel_bins=32).save_pretrained(folder)  # type: ignore[no-untyped-call]


def build_wav2vec2(folder: Path, norm: str) -> None:
    config = Wav2Vec2Config(
        **SMALL,
        intermediate_size=32,
        conv_dim=(16, 16, 16),
        conv_kernel=(10, 8, 4),
        conv_stride=(5, 8, 4),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        classifier_proj_size=16,
        id2label=LABELS,
    )
    model = Wav2Vec2ForSequenceClassification(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.mul_(20)
    model.save_pretrained(folder)
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer")  # type: ignore[no-untyped-call]
    extractor.save_pretrained(folder)


def build(kind: str, folder: Path) -> Path:
    """A tiny model of random weights, as `save_pretrained` writes it."""
    torch.manual_seed(1)
    if kind == "ast":
        build_ast(folder)
    else:
        build_wav2vec2(folder, "group" if "group" in kind else "layer")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("models")
    return {kind: build(kind, home / kind.replace(" ", "-")) for kind in MODELS}


def spec(folder: Path, limits: Limits | None = None, **options: Any) -> ModelSpec:
    return ModelSpec("m", "1", "", str(folder), options, limits=limits or Limits())


def noisy(seconds: float, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    samples: np.ndarray = tone(seconds, hz=100 * (seed + 1))
    return samples + draw.normal(0, 0.05, len(samples)).astype(np.float32)


FILES = [
    encoded(noisy(0.5, 0)),
    encoded(noisy(0.5, 1), "FLAC"),
    encoded(noisy(1.3, 2), "OGG", "VORBIS"),
    encoded(noisy(0.2, 3), rate_hz=8_000),
    encoded(noisy(0.9, 4), "WAV", "FLOAT", rate_hz=44_100),
    encoded(noisy(0.11, 5)),
    encoded(noisy(2.0, 6)),
]


def answer(classifier: AudioClassifier, payload: bytes) -> Prediction:
    (found,) = classifier.predict([classifier.decode(payload)])
    assert isinstance(found, Prediction)
    return found


def library_scores(folder: Path, payload: bytes) -> dict[str, float]:
    """What transformers answers, by its own documentation."""
    extractor = load_extractor(folder)
    model = AutoModelForAudioClassification.from_pretrained(folder).eval()
    samples = decode_audio(payload, Limits(), 16_000)
    with torch.no_grad():
        inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt")
        scores = model(**inputs).logits.softmax(dim=1)[0].tolist()
    return dict(zip(LABELS.values(), scores, strict=True))


@pytest.mark.parametrize("kind", MODELS)
def test_answers_are_those_of_the_library(folders: dict[str, Path], kind: str) -> None:
    classifier = AudioClassifier(spec(folders[kind], top=4), "cpu")
    answers = classifier.predict([classifier.decode(payload) for payload in FILES])
    for payload, row in zip(FILES, answers, strict=True):
        expected = library_scores(folders[kind], payload)
        assert isinstance(row, Prediction)
        assert row.scores == pytest.approx(expected, abs=1e-4)
        assert list(row.scores.values()) == sorted(row.scores.values(), reverse=True)


@pytest.mark.parametrize("kind", MODELS)
def test_alone_and_in_a_batch_answers_agree(folders: dict[str, Path], kind: str) -> None:
    classifier = AudioClassifier(spec(folders[kind], top=4), "cpu")
    inputs = [classifier.decode(payload) for payload in FILES * 2]
    together = classifier.predict(inputs)
    answers = set()
    for one, row in zip(inputs, together, strict=True):
        (alone,) = classifier.predict([one])
        assert isinstance(alone, Prediction)
        assert isinstance(row, Prediction)
        assert alone.scores == pytest.approx(row.scores, abs=1e-4)
        answers.add(round(row.score, 3))
    assert len(answers) > 3
    assert classifier.predict([]) == []


def test_padding_is_used_only_where_it_changes_nothing(folders: dict[str, Path]) -> None:
    pads = {kind: AudioClassifier(spec(folder), "cpu")._pads for kind, folder in folders.items()}
    assert pads == {"ast": False, "wav2vec2": True, "wav2vec2 group norm": False}
    masked = AudioClassifier(spec(folders["wav2vec2"]), "cpu")
    assert masked._groups([masked.decode(payload) for payload in FILES]) == [[*range(len(FILES))]]


def test_it_is_a_predictor(folders: dict[str, Path]) -> None:
    classifier = AudioClassifier(spec(folders["ast"]), "cpu")
    assert isinstance(classifier, Predictor)
    assert classifier.decode(memoryview(FILES[0])).shape == (64, 32)
    classifier.close()


@pytest.mark.parametrize("kind", MODELS)
def test_shortest_audio_is_answered(folders: dict[str, Path], kind: str) -> None:
    classifier = AudioClassifier(spec(folders[kind]), "cpu")
    for frames in (1, 399, 400, 401):
        assert answer(classifier, wav(b"\1\2" * frames)).label in LABELS.values()


def test_threads_decode_as_one_does(folders: dict[str, Path]) -> None:
    classifier = AudioClassifier(spec(folders["ast"]), "cpu")
    alone = [classifier.decode(payload) for payload in FILES]
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: [classifier.decode(one) for one in FILES], range(4)):
            for one, other in zip(alone, found, strict=True):
                np.testing.assert_array_equal(one, other)


def test_bad_audio_is_refused_by_decode(folders: dict[str, Path]) -> None:
    classifier = AudioClassifier(spec(folders["wav2vec2"], Limits(audio_seconds=1)), "cpu")
    for payload, reason in (
        (b"", Reason.EMPTY),
        (b"ID3", Reason.TYPE_MISMATCH),
        (FILES[1][:-20], Reason.UNDECODABLE),
        (FILES[6], Reason.TOO_LARGE),
    ):
        with pytest.raises(RecordError) as caught:
            classifier.decode(payload)
        assert caught.value.reason is reason


@pytest.mark.parametrize("kind", ["ast", "wav2vec2"])
def test_scores_that_are_not_finite_are_no_answer(folders: dict[str, Path], kind: str) -> None:
    classifier = AudioClassifier(spec(folders[kind]), "cpu")
    good, bad = (classifier.decode(FILES[0]) for _ in range(2))
    bad[:] = np.nan
    first, second, third = classifier.predict([good, bad, good])
    assert isinstance(second, RecordError)
    assert second.reason is Reason.INVALID_OUTPUT
    assert isinstance(first, Prediction)
    assert isinstance(third, Prediction)
    assert first.label == third.label
    assert first.scores == pytest.approx(third.scores, abs=1e-5)


def test_folder_without_an_extractor_for_audio_is_refused(tmp_path: Path) -> None:
    build("ast", tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(SetupError, match=r"preprocessor_config\.json"):
        AudioClassifier(spec(tmp_path), "cpu")
    ViTImageProcessorPil().save_pretrained(tmp_path)
    with pytest.raises(SetupError, match=r"audio|preprocessor"):
        AudioClassifier(spec(tmp_path), "cpu")


def test_model_of_another_shape_than_its_extractor_is_refused(tmp_path: Path) -> None:
    build("ast", tmp_path)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    settings["max_length"] = 32
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(SetupError, match="blank audio input"):
        AudioClassifier(spec(tmp_path), "cpu")


def test_declaration_is_resolved_and_costs_seconds(folders: dict[str, Path]) -> None:
    declared = Transformers("audio-classification", str(folders["ast"]), top=2)
    classifier = AudioClassifier(resolve(declared, Path("/nowhere")), "cpu")
    assert len(answer(classifier, FILES[0]).scores) == 2
    for payload, seconds in ((FILES[0], 0.5), (FILES[1], 0.5), (FILES[2], 1.3), (b"RIFF", 0.0)):
        record = Audio("audio", 0, 0, 0, None, payload, ())
        record._envelope = None
        assert declared.cost(record) == pytest.approx(seconds)


def test_declaration_imports_no_model_or_audio_library() -> None:
    program = (
        "import sys, aimass_stream.adapters.transformers, models.audio_classifier\n"
        "print(sorted({'torch', 'transformers', 'soundfile', 'soxr'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=55
    )
    assert done.stdout.strip() == "[]"
