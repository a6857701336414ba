"""ONNX Runtime answers as torch does, within what is accepted, alone and in any batch."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from aimass_stream.adapters.engines import acceptance
from aimass_stream.adapters.engines.onnx_model import OnnxModel
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_embeddings import SentenceEncoder
from aimass_stream.adapters.transformers_entities import EntityFinder
from aimass_stream.adapters.transformers_images import ImageClassifier
from aimass_stream.adapters.transformers_text import TextClassifier
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.records import Prediction
from aimass_stream.training.messages import messages
from tests.adapters.text_models import LABELS, TEXTS, build, config, spec, tokenizer
from tests.codecs.image_files import encoded, pixels

LOADED: dict[str, Any] = {
    "classifier": TextClassifier,
    "tagger": EntityFinder,
    "encoder": SentenceEncoder,
}


def apart(ours: Any, theirs: Any) -> float:
    """How far two answers to one text lie apart, in scores or numbers of a vector."""
    if hasattr(ours, "numbers"):
        return float(np.abs(ours.numbers - theirs.numbers).max())
    if hasattr(ours, "scores"):
        return float(max(abs(ours.scores[name] - theirs.scores[name]) for name in LABELS.values()))
    assert [(one.label, one.start, one.end) for one in ours.entities] == [
        (one.label, one.start, one.end) for one in theirs.entities
    ]
    pairs = zip(ours.entities, theirs.entities, strict=True)
    return float(max((abs(one.score - other.score) for one, other in pairs), default=0.0))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("models")
    return {kind: build(kind, home / kind) for kind in LOADED}


@pytest.mark.parametrize("kind", LOADED)
def test_in_full_answers_are_those_of_torch(folders: dict[str, Path], kind: str) -> None:
    own: dict[str, Any] = {"top": 4} if kind == "classifier" else {}
    torch_one = LOADED[kind](spec(folders[kind], **own), "cpu")
    onnx_one = LOADED[kind](spec(folders[kind], engine="onnx", **own), "cpu")
    inputs = [torch_one.decode(text.encode()) for text in TEXTS]
    together = onnx_one.predict(inputs)
    assert isinstance(onnx_one._model, OnnxModel)
    for one, found, due in zip(inputs, together, torch_one.predict(inputs), strict=True):
        (alone,) = onnx_one.predict([one])
        assert apart(found, due) < 1e-4
        assert apart(alone, found) < 1e-4


@pytest.mark.parametrize("kind", ["classifier", "encoder"])
def test_in_eight_bits_answers_do_not_depend_on_the_batch(
    folders: dict[str, Path], kind: str
) -> None:
    own: dict[str, Any] = {"top": 4} if kind == "classifier" else {}
    torch_one = LOADED[kind](spec(folders[kind], **own), "cpu")
    small = LOADED[kind](spec(folders[kind], engine="onnx-int8", **own), "cpu")
    inputs = [torch_one.decode(text.encode()) for text in TEXTS]
    together = small.predict(inputs)
    off = [apart(*pair) for pair in zip(together, torch_one.predict(inputs), strict=True)]
    assert 1e-4 < max(off) < max(acceptance.TOLERANCES["onnx-int8"])
    for one, found in zip(inputs, together, strict=True):
        assert small.predict([one]) == [found]


def gpt2(folder: Path) -> None:
    made = GPT2Config(vocab_size=200, n_embd=16, n_layer=1, n_head=2, id2label=LABELS)
    made.bos_token_id = made.eos_token_id = None
    GPT2ForSequenceClassification(made).save_pretrained(folder)  # type: ignore[no-untyped-call]


def distilbert(folder: Path) -> None:
    made = DistilBertConfig(
        vocab_size=200, dim=16, n_layers=1, n_heads=2, hidden_dim=16, id2label=LABELS
    )
    DistilBertForSequenceClassification(made).save_pretrained(folder)


@pytest.mark.parametrize("save", [gpt2, distilbert])
def test_families_are_recorded_too(tmp_path: Path, save: Callable[[Path], None]) -> None:
    torch.manual_seed(0)
    save(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    torch_one = TextClassifier(spec(tmp_path, top=4), "cpu")
    onnx_one = TextClassifier(spec(tmp_path, top=4, engine="onnx"), "cpu")
    inputs = [torch_one.decode(text.encode()) for text in TEXTS]
    pairs = zip(onnx_one.predict(inputs), torch_one.predict(inputs), strict=True)
    assert max(apart(*pair) for pair in pairs) < 1e-4


def vit(folder: Path) -> None:
    made = ViTConfig(
        image_size=32, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, id2label=LABELS,
    )  # fmt: skip
    ViTForImageClassification(made).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def resnet(folder: Path) -> None:
    """It takes images of any size, and its processor leaves them two."""
    made = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=LABELS
    )
    ResNetForImageClassification(made).save_pretrained(folder)  # type: ignore[no-untyped-call]
    ViTImageProcessor(do_resize=False).save_pretrained(folder)


@pytest.mark.parametrize("save", [vit, resnet])
def test_images_are_answered_as_by_torch(tmp_path: Path, save: Callable[[Path], None]) -> None:
    torch.manual_seed(0)
    save(tmp_path)
    torch_one = ImageClassifier(spec(tmp_path, top=4), "cpu")
    onnx_one = ImageClassifier(spec(tmp_path, top=4, engine="onnx"), "cpu")
    sizes = [(40, 40), (64, 48), (40, 40), (33, 90)]
    inputs = [torch_one.decode(encoded(pixels(*size), "JPEG")) for size in sizes]
    pairs = zip(onnx_one.predict(inputs), torch_one.predict(inputs), strict=True)
    assert max(apart(*pair) for pair in pairs) < 1e-4


def test_threads_are_those_of_torch(folders: dict[str, Path]) -> None:
    torch.set_num_threads(2)
    found = TextClassifier(spec(folders["classifier"], engine="onnx"), "cpu")
    options = found._model._session.get_session_options()
    assert options.intra_op_num_threads == 2


def test_weights_of_torch_are_let_go(folders: dict[str, Path]) -> None:
    def held() -> int:
        gc.collect()
        return sum(type(one) is BertModel for one in gc.get_objects())

    before = held()
    found = SentenceEncoder(spec(folders["encoder"], engine="onnx"), "cpu")
    assert held() == before
    found.close()
    kept = SentenceEncoder(spec(folders["encoder"]), "cpu")
    assert held() == before + 1
    kept.close()


def test_what_lies_too_far_from_torch_is_refused(tmp_path: Path) -> None:
    """A column of weights a thousand times the others leaves these no steps in eight bits."""
    torch.manual_seed(0)
    model: Any = BertModel(config(LABELS), add_pooling_layer=False)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for layer in model.encoder.layer:
            layer.attention.output.LayerNorm.weight[0] = 1000.0
    model.save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    SentenceEncoder(spec(tmp_path, engine="onnx"), "cpu")
    with pytest.raises(SetupError, match=r"probes up to [\d.]+ away from torch, and 0\.25 is"):
        SentenceEncoder(spec(tmp_path, engine="onnx-int8"), "cpu")


def test_a_batch_that_moves_answers_is_refused() -> None:
    rows = [torch.zeros(3), torch.zeros(3)]
    moved = [torch.zeros(3), torch.full((3,), 2e-3)]
    trial = acceptance.Trial(rows, rows, moved)
    with pytest.raises(SetupError, match=r"in a batch up to 0\.002 apart, and 0\.0001 is accepted"):
        acceptance.accept("m@1", "onnx-int8", trial, acceptance.farthest, 0.1)
    lost = [torch.zeros(3), torch.full((3,), torch.nan)]
    trial = acceptance.Trial(rows, lost, rows)
    with pytest.raises(SetupError, match="nan away from torch"):
        acceptance.accept("m@1", "onnx", trial, acceptance.farthest, 0.1)


def test_a_declaration_that_cannot_be_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigError, match="engine='tensorrt' is none of torch, onnx, onnx-int8"):
        Transformers("text-classification", "models://x", engine="tensorrt")
    with pytest.raises(ConfigError, match=r"engine='onnx' and dtype='bfloat16' exclude each other"):
        Transformers("text-classification", "models://x", engine="onnx", dtype="bfloat16")
    with pytest.raises(ConfigError, match="engine='onnx-int8' is none of torch, onnx"):
        Transformers("image-classification", "models://x", engine="onnx-int8")
    assert Transformers("token-classification", "models://x", engine="onnx").options["engine"]


def test_another_device_is_refused(folders: dict[str, Path]) -> None:
    found = TextClassifier(spec(folders["classifier"]), "cpu")
    found._device = torch.device("cuda:0")
    with pytest.raises(SetupError, match="computes on the CPU, and its device is cuda:0"):
        found._move(spec(folders["classifier"], engine="onnx"))


@pytest.mark.timeout(480)  # the models may have to be trained first
def test_in_eight_bits_a_trained_model_says_what_it_says_in_full(models_folder: Path) -> None:
    folder = models_folder / "messages-intent" / "1"
    torch_one = TextClassifier(spec(folder), "cpu")
    small = TextClassifier(spec(folder, engine="onnx-int8"), "cpu")
    texts = [message.text for message in islice(messages("stream"), 200)]
    inputs = [torch_one.decode(text.encode()) for text in texts]
    found = [one.label for one in small.predict(inputs) if isinstance(one, Prediction)]
    due = [one.label for one in torch_one.predict(inputs) if isinstance(one, Prediction)]
    same = sum(one == other for one, other in zip(found, due, strict=True))
    assert same >= 0.99 * len(texts)
