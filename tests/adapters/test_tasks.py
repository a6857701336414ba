"""Declarations of tasks: what they take, what is refused where it stands, and what is missing."""

from pathlib import Path

import numpy as np
import orjson
import pytest
import torch
from transformers import BertForQuestionAnswering

from aimass_stream.adapters.extras import advice, require
from aimass_stream.adapters.torch import Torch
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_reading import SpanFinder
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.records import Detections, Mask, Record, Span
from aimass_stream.records.told import split_told
from aimass_stream.registry.folder import resolve
from tests.adapters.text_models import config, tokenizer


def test_settings_of_another_task_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"takes no labels. Settings of this task: before, threshold, top"
    ):
        Transformers("object-detection", "x", labels=["cat"])  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="labels=None must be told"):
        Transformers("zero-shot-classification", "x")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="top='a' is of the wrong type"):
        Transformers("image-classification", "x", top="a")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="holds a name twice"):
        Transformers("zero-shot-classification", "x", labels=["a", "a"])
    with pytest.raises(ConfigError, match=r"template='a' does not hold \{text\} once"):
        Transformers("text-generation", "x", template="a")
    with pytest.raises(ConfigError, match=r"Torch.*Known tasks: image-classification"):
        Torch("depth-estimation", "x")  # type: ignore[call-overload]


def test_a_misspelt_setting_is_told_from_those_of_the_task_and_those_of_every_model() -> None:
    with pytest.raises(ConfigError) as refused:
        Transformers("text-classification", "x", latncy_ms=5, tpo=1)  # type: ignore[call-overload]
    assert str(refused.value) == (
        "Transformers('text-classification', 'x'): it takes no latncy_ms, tpo. Did you mean "
        "latency_ms, top? Settings of this task: before, dtype, engine, max_tokens, top. Of every "
        "model: latency_ms, timeout_s, max_batch_rows, limits, circuit_failures."
    )


def test_what_is_not_the_default_is_part_of_the_version(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    plain = resolve(Transformers("object-detection", str(tmp_path)), tmp_path)
    strict = resolve(Transformers("object-detection", str(tmp_path), threshold=0.9), tmp_path)
    named = resolve(
        Transformers("zero-shot-object-detection", str(tmp_path), labels=("a", "b")), tmp_path
    )
    assert len({plain.version, strict.version, named.version}) == 3
    assert named.options["labels"] == ["a", "b"]
    assert Transformers("object-detection", "x").answer_type is Detections


def test_a_seed_is_of_the_root_and_no_one_else() -> None:
    writer = Transformers("text-generation", "x")
    one, again, other = (
        writer.payload(Record("t", 0, at, 0, None, b"hello", ())) for at in (1, 1, 2)
    )
    assert one == again
    assert one != other
    assert one[8:] == other[8:]
    assert bytes(split_told(one[8:])[1]) == b"hello"


def test_a_missing_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(SetupError, match=r"pip install .* '\.\[vision\]'"):
        require("timm")
    said = advice(ImportError("X requires the librosa library but it was not found"))
    assert said == (
        " The extra 'speech' of aimass-stream is not installed: in its checkout, "
        "pip install --constraint constraints.txt '.[speech]'"
    )
    assert advice(ImportError("nothing known")) == advice(ValueError("timm")) == ""


def test_a_mask_is_cocos_and_comes_back() -> None:
    pixels = np.array([[1, 0, 0], [1, 1, 0]], bool)
    mask = Mask.of(pixels)
    assert (mask.size, mask.counts, mask.area) == ((2, 3), [0, 2, 1, 1, 2], 3)
    np.testing.assert_array_equal(mask.pixels, pixels)
    np.testing.assert_array_equal(Mask.of(~pixels).pixels, ~pixels)


def test_a_long_context_is_read_in_windows(tmp_path: Path) -> None:
    torch.manual_seed(3)
    BertForQuestionAnswering(config({0: "first", 1: "last"})).save_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    tokenizer().save_pretrained(tmp_path)
    declared = Transformers("question-answering", str(tmp_path), max_tokens=32, stride=8)
    finder = SpanFinder(resolve(declared, tmp_path), "cpu")
    context = "thank you, great service! " * 20 + "I live in Köln now 🙂"
    inputs = [
        finder.decode(orjson.dumps({"question": "where?", "context": each}))
        for each in (context, "in Paris", context[:200])
    ]
    assert len(inputs[0].windows) > 5
    assert inputs[0].windows[-1].spans.max() == len(context)
    together = finder.predict(inputs)
    for reading, found in zip(inputs, together, strict=True):
        (alone,) = finder.predict([reading])
        assert isinstance(alone, Span)
        assert isinstance(found, Span)
        assert (alone.start, alone.end) == (found.start, found.end)
        assert found.text == reading.context[found.start : found.end]
        assert alone.score == pytest.approx(found.score, abs=1e-4)
