"""Sentence vectors: the masked mean of the last layer, of unit length, alone or in a batch."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from aimass_stream.adapters.transformers_embeddings import SentenceEncoder
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import Predictor
from aimass_stream.records import Embedding
from tests.adapters.text_models import TEXTS, build, spec


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("encoder", tmp_path_factory.mktemp("models") / "encoder")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> SentenceEncoder:
    return SentenceEncoder(spec(folder), "cpu")


def numbers(found: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    assert isinstance(found, Embedding)
    return found.numbers


def test_vectors_are_those_of_the_library(folder: Path, encoder: SentenceEncoder) -> None:
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    answers = encoder.predict([encoder.decode(text.encode()) for text in TEXTS])
    for text, found in zip(TEXTS, answers, strict=True):
        ids = tokenizer(text.replace("\0", " "), truncation=True, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            mean = model(input_ids=ids).last_hidden_state[0].mean(dim=0).numpy()
        np.testing.assert_allclose(numbers(found), mean / np.linalg.norm(mean), atol=1e-4)


def test_alone_and_in_any_batch_vectors_agree(encoder: SentenceEncoder) -> None:
    inputs = [encoder.decode(text.encode()) for text in TEXTS]
    together, backwards = encoder.predict(inputs), encoder.predict(inputs[::-1])[::-1]
    for one, found, other in zip(inputs, together, backwards, strict=True):
        (alone,) = encoder.predict([one])
        np.testing.assert_allclose(numbers(alone), numbers(found), atol=1e-4)
        np.testing.assert_allclose(numbers(alone), numbers(other), atol=1e-4)
    assert encoder.predict([]) == []
    assert isinstance(encoder, Predictor)


def test_a_vector_is_small_in_json_and_comes_back(encoder: SentenceEncoder) -> None:
    (found,) = encoder.predict([encoder.decode(b"refund")])
    written = msgspec.json.encode(found)
    assert len(written) < 6 * 24 + 40
    np.testing.assert_array_equal(
        msgspec.json.decode(written, type=Embedding).numbers, numbers(found)
    )
    assert np.linalg.norm(numbers(found)) == pytest.approx(1, abs=1e-5)


def test_files_of_sentence_transformers_are_heeded(tmp_path: Path) -> None:
    folder = build("encoder", tmp_path)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
    (folder / "1_Pooling").mkdir()
    pooling = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    assert len(SentenceEncoder(spec(folder), "cpu").decode(b"a " * 99)) == 12
    pooling["pooling_mode_cls_token"] = True
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    with pytest.raises(SetupError, match="only the mean"):
        SentenceEncoder(spec(folder), "cpu")


def test_a_classifier_has_an_encoder_in_it(tmp_path: Path) -> None:
    encoder = SentenceEncoder(spec(build("classifier", tmp_path)), "cpu")
    assert numbers(encoder.predict([encoder.decode(b"refund")])[0]).shape == (24,)


def test_a_vector_that_is_not_finite_is_no_answer(folder: Path) -> None:
    encoder = SentenceEncoder(spec(folder), "cpu")
    ids = encoder.decode(b"refund")
    with torch.no_grad():
        encoder._model.encoder.layer[1].output.LayerNorm.bias.fill_(float("inf"))
    (found,) = encoder.predict([ids])
    assert isinstance(found, RecordError)
    assert found.reason is Reason.INVALID_OUTPUT
