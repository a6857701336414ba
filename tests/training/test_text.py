"""Training on text: quick, measured on what was held out, repeatable, kept once made."""

import math
from dataclasses import replace
from itertools import islice
from pathlib import Path

import orjson
import pytest
import torch

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_embeddings import SentenceEncoder
from aimass_stream.adapters.transformers_entities import EntityFinder
from aimass_stream.adapters.transformers_text import TextClassifier
from aimass_stream.errors import ConfigError
from aimass_stream.records import Embedding, Prediction, Understanding
from aimass_stream.registry.folder import find, resolve
from aimass_stream.training import message_models
from aimass_stream.training.encoder import TextRecipe
from aimass_stream.training.labelled_lines import LabelledText, read_labelled
from aimass_stream.training.message_models import ENCODER, ENTITIES, INTENT, train_messages
from aimass_stream.training.messages import INTENTS, messages
from aimass_stream.training.outcome import Trained
from aimass_stream.training.text import fine_tune_text_file

QUICK = TextRecipe(epochs=4, width=32, layers=1, batch_rows=16, learning_rate=5e-3)


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def trained(registry: Path) -> list[Trained]:
    """The demo's models after a part of their training."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_models, "TRAIN_ROWS", 2000)
        patch.setattr(message_models, "HELD_OUT_ROWS", 300)
        for name in ("INTENT_RECIPE", "ENTITY_RECIPE"):
            recipe = replace(getattr(message_models, name), width=64, batch_rows=32)
            patch.setattr(message_models, name, recipe)
        return train_messages(registry)


def test_messages_are_learnt_and_published(trained: list[Trained], registry: Path) -> None:
    intent, encoder, entities = trained
    assert [one.name for one in trained] == [INTENT, ENCODER, ENTITIES]
    assert intent.accuracy > 0.6
    assert entities.accuracy > 0.4
    assert math.isnan(encoder.accuracy)
    manifest = find(registry, INTENT)
    assert manifest is not None
    assert manifest.labels == list(INTENTS)
    assert manifest.metrics["accuracy"] == intent.accuracy
    assert manifest.metrics["held_out_rows"] == 300
    card = manifest.card
    assert card is not None
    assert "synthetic" in card.source
    assert card.cost is not None
    assert card.cost.records == 300


def test_messages_are_trained_once(trained: list[Trained], registry: Path) -> None:
    again = train_messages(registry, lambda _, text: pytest.fail(text))
    assert {one.name: one.version for one in again} == {one.name: one.version for one in trained}


def test_models_are_served_as_declared(trained: list[Trained], registry: Path) -> None:
    assert trained
    intent = TextClassifier(
        resolve(Transformers("text-classification", f"models://{INTENT}"), registry), "cpu"
    )
    finder = EntityFinder(
        resolve(Transformers("token-classification", f"models://{ENTITIES}"), registry), "cpu"
    )
    encoder = SentenceEncoder(
        resolve(Transformers("sentence-embedding", f"models://{ENCODER}"), registry), "cpu"
    )
    texts = [one.text for one in islice(messages("stream", seed=9), 20)]
    wanted = intent.predict([intent.decode(text.encode()) for text in texts])
    spoken_of = finder.predict([finder.decode(text.encode()) for text in texts])
    vectors = encoder.predict([encoder.decode(text.encode()) for text in texts])
    for text, one, other, vector in zip(texts, wanted, spoken_of, vectors, strict=True):
        assert isinstance(one, Prediction)
        assert isinstance(vector, Embedding)
        found = Understanding.of(one, other)  # type: ignore[arg-type]
        assert found.intent.label in INTENTS
        assert all(text[e.start : e.end] == e.text for e in found.entities)


def write_lines(path: Path, rows: int) -> Path:
    places = ("left", "right", "near", "far")
    lines = [
        f"{kind} {word} {places[row % 4]} {row}"
        for row in range(rows)
        for kind, word in (("up", "rises"), ("down", "falls"))
    ]
    path.write_text("\n".join(lines) + "\n\n")
    return path


def test_lines_are_learnt_and_measured_on_the_rest(tmp_path: Path) -> None:
    seen: list[float] = []
    data = write_lines(tmp_path / "data.txt", 40)
    found = fine_tune_text_file(
        data,
        tmp_path / "models",
        "moves",
        fraction=0.75,
        recipe=QUICK,
        progress=lambda share, _: seen.append(share),
    )
    assert (found.train_rows, found.held_out_rows) == (60, 20)
    assert found.accuracy == 1.0
    assert seen == pytest.approx([0.25, 0.5, 0.75, 1])
    spec = resolve(Transformers("text-classification", "models://moves"), tmp_path / "models")
    classifier = TextClassifier(spec, "cpu")
    (answer,) = classifier.predict([classifier.decode(b"it falls")])
    assert isinstance(answer, Prediction)
    assert answer.label == "down"


def test_training_is_repeatable_and_leaves_the_callers_random_state(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.txt", 10)
    before = torch.get_rng_state()
    for _ in range(2):
        fine_tune_text_file(
            data, tmp_path / "models", "twice", held_out_file=data, recipe=replace(QUICK, epochs=1)
        )
    assert torch.equal(before, torch.get_rng_state())
    first, second = (tmp_path / "models/twice" / n / "model.safetensors" for n in "12")
    assert first.read_bytes() == second.read_bytes()


def test_labelled_lines_are_read_from_text_and_json(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("0 What 's a café ?\r\n\n-1\tbad\n".encode("latin-1"))
    assert read_labelled(path, "latin-1") == [
        LabelledText("0", "What 's a café ?"),
        LabelledText("-1", "bad"),
    ]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps({"label": n, "text": "我"}) for n in (1, "x")))
    assert read_labelled(path) == [LabelledText("1", "我"), LabelledText("x", "我")]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"There is no file {tmp_path / 'lines.txt'}"):
        fine_tune_text_file(tmp_path / "lines.txt", tmp_path / "models", "m")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"up one\ndown\n", "line 2"),
        ("a.txt", b"", "no lines"),
        ("a.txt", b"up caf\xe9", "cannot be read as utf-8"),
        ("a.txt", b"up one\nup two\n", "fewer than two labels"),
        ("a.jsonl", b'{"label": "a"}', "line 1"),
        ("a.jsonl", b'{"text": "a", "label": null}', "line 1"),
        ("a.jsonl", b"[1]", "line 1"),
        ("a.jsonl", b"{", "line 1"),
    ],
)
def test_what_cannot_be_trained_on_is_said(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        fine_tune_text_file(tmp_path / name, tmp_path / "models", "m", fraction=1.0)
    assert not (tmp_path / "models").exists()
