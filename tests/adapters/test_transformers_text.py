"""Text classification: the library's own answers, alone or in a batch, or a clear refusal."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2ForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from aimass_stream.adapters.rows import in_order
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_text import Ids, TextClassifier, TextInputs
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import Predictor
from aimass_stream.records import Embedding, Entities, Limits, Prediction, Record, Text
from aimass_stream.registry.folder import resolve
from tests.adapters.text_models import LABELS, MAX_TOKENS, TEXTS, build, spec, tokenizer


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("classifier", tmp_path_factory.mktemp("models") / "classifier")


@pytest.fixture(scope="module")
def classifier(folder: Path) -> TextClassifier:
    return TextClassifier(spec(folder, top=4), "cpu")


def library_scores(folder: Path, text: str) -> dict[str, float]:
    """What transformers answers to a text, by its own documentation."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(
        text.replace("\0", " "), truncation=True, return_tensors="pt"
    )
    inputs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        scores = model(**inputs).logits.softmax(dim=1)[0].tolist()
    return dict(zip(LABELS.values(), scores, strict=True))


def test_answers_are_those_of_the_library(folder: Path, classifier: TextClassifier) -> None:
    answers = classifier.predict([classifier.decode(text.encode()) for text in TEXTS])
    for text, found in zip(TEXTS, answers, strict=True):
        assert isinstance(found, Prediction)
        assert found.scores == pytest.approx(library_scores(folder, text), abs=1e-4)
        assert found.label == max(found.scores, key=found.scores.__getitem__)


def test_alone_and_in_any_batch_answers_agree(classifier: TextClassifier) -> None:
    inputs = [classifier.decode(text.encode()) for text in TEXTS * 3]
    together = classifier.predict(inputs)
    backwards = classifier.predict(inputs[::-1])[::-1]
    for one, found, other in zip(inputs, together, backwards, strict=True):
        (alone,) = classifier.predict([one])
        assert isinstance(alone, Prediction)
        for row in (found, other):
            assert isinstance(row, Prediction)
            assert alone.scores == pytest.approx(row.scores, abs=1e-4)
    assert classifier.predict([]) == []
    assert isinstance(classifier, Predictor)


def test_threads_tokenise_as_one_does(classifier: TextClassifier) -> None:
    alone = [classifier.decode(text.encode()).tolist() for text in TEXTS]
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(
            lambda _: [classifier.decode(text.encode()).tolist() for text in TEXTS], range(50)
        ):
            assert found == alone


def test_long_texts_are_cut_counted_and_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classifier = TextClassifier(spec(folder, max_tokens=1000), "cpu")
    with caplog.at_level(logging.WARNING, "aimass.device"):
        for _ in range(3):
            found = classifier.decode(b"a " * 30_000)
    assert len(found) == MAX_TOKENS
    assert classifier._inputs.cut_texts == 3
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"m@1: texts of more than {MAX_TOKENS} tokens are cut there; {n} so far" for n in (1, 2)
    ]
    assert len(TextClassifier(spec(folder, max_tokens=9), "cpu").decode(b"a " * 99)) == 9


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \n", Reason.EMPTY),
        (b"\xff", Reason.UNDECODABLE),
        (b"a" * 70_000, Reason.TOO_LARGE),
    ],
)
def test_bad_text_is_refused_by_decode(
    classifier: TextClassifier, payload: bytes, reason: Reason
) -> None:
    with pytest.raises(RecordError) as caught:
        classifier.decode(payload)
    assert caught.value.reason is reason


def test_families_count_their_places_differently(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=200,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=34,
        pad_token_id=1,
        id2label=LABELS,
    )
    RobertaForSequenceClassification(config).save_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    tokenizer().save_pretrained(tmp_path)
    classifier = TextClassifier(spec(tmp_path), "cpu")
    found = classifier.decode(b"order " * 99)
    assert len(found) == 32
    assert isinstance(classifier.predict([found])[0], Prediction)


def test_model_that_reads_the_last_token_may_be_padded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=200, n_embd=16, n_layer=1, n_head=2, id2label=LABELS)
    config.bos_token_id = config.eos_token_id = None
    GPT2ForSequenceClassification(config).save_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    tokenizer().save_pretrained(tmp_path)
    classifier = TextClassifier(spec(tmp_path, top=4), "cpu")
    inputs = [classifier.decode(text.encode()) for text in TEXTS]
    assert len(classifier._groups(inputs)) == 1
    for one, together in zip(inputs, classifier.predict(inputs), strict=True):
        (alone,) = classifier.predict([one])
        assert isinstance(alone, Prediction)
        assert isinstance(together, Prediction)
        assert alone.scores == pytest.approx(together.scores, abs=1e-4)


def width(rows: Sequence[Ids]) -> torch.Tensor:
    """Answers every row with the length of the longest, as if it minded the padding."""
    return torch.full((len(rows), 1), float(max(map(len, rows))))


def only_alone(rows: Sequence[Ids]) -> torch.Tensor:
    if len(rows) > 1:
        raise ValueError("one at a time")
    return torch.zeros(1, 1)


def test_model_that_minds_padding_gets_rows_of_one_length(
    classifier: TextClassifier, folder: Path
) -> None:
    ids = [classifier.decode(text.encode()) for text in (*TEXTS, *TEXTS)]
    for forward in (width, only_alone):
        inputs = TextInputs(spec(folder), classifier._model)
        inputs.try_out(forward, folder)
        groups = inputs.groups(ids)
        assert sorted(row for rows in groups for row in rows) == list(range(len(ids)))
        assert all(len({len(ids[row]) for row in rows}) == 1 for rows in groups)
        assert in_order(groups, groups) == list(range(len(ids)))
    with pytest.raises(SetupError, match="smaller max_tokens"):
        inputs.try_out(lambda rows: torch.zeros(1, 1)[len(rows[0]) - 3], folder)


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors", id="none"
        ),
        pytest.param(
            lambda folder: [path.unlink() for path in folder.glob("tokenizer*")],
            "tokenizer",
            id="no tokenizer",
        ),
        pytest.param(
            lambda folder: change_config(folder, problem_type="multi_label_classification"),
            "one of its labels",
            id="several labels",
        ),
        pytest.param(
            lambda folder: change_config(folder, architectures=None, model_type="resnet"),
            "cannot be loaded",
            id="another kind",
        ),
    ],
)
def test_unusable_folder_is_refused_with_what_to_do(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    build("classifier", tmp_path)
    spoil(tmp_path)
    with pytest.raises(SetupError, match=words) as caught:
        TextClassifier(spec(tmp_path), "cpu")
    assert str(tmp_path) in str(caught.value)


def test_model_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no trained weights for .*classifier"):
        TextClassifier(spec(build("encoder", tmp_path)), "cpu")


def test_declaration_says_what_its_task_answers(folder: Path) -> None:
    intent = Transformers("text-classification", str(folder), top=2, latency_ms=20)
    entities = Transformers("token-classification", str(folder), max_tokens=32)
    encoder = Transformers("sentence-embedding", str(folder), limits=Limits(text_bytes=99))
    assert intent.answer_type is Prediction
    assert entities.answer_type is Entities
    assert encoder.answer_type is Embedding
    told = {"top": 2, "max_tokens": 512, "dtype": "float32", "engine": "torch", "before": []}
    assert intent.options == {"task": "text-classification", **told}
    told = {"max_tokens": 32, "engine": "torch"}
    assert entities.options == {"task": "token-classification", **told}
    found = resolve(intent, Path("/nowhere"))
    assert found.adapter.endswith("transformers_text:TextClassifier")
    assert (
        found.version
        != resolve(Transformers("text-classification", str(folder)), Path("/nowhere")).version
    )


def test_cost_is_tokens_estimated_and_bounded() -> None:
    declared = Transformers("text-classification", "models://x", max_tokens=64)
    for text, least, most in (("hi", 2, 4), ("我的包裹在哪里", 8, 10), ("long " * 999, 64, 64)):
        record = Text("t", 0, 0, 0, None, text.encode(), ())
        record.check(Limits())
        assert least <= declared.cost(record) <= most
    image = Transformers("image-classification", "models://x")
    assert image.cost(Record("t", 0, 0, 0, None, b"x" * 999, ())) == 1


def test_wrong_declaration_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigError, match="max_tokens=2"):
        Transformers("text-classification", "models://x", max_tokens=2)
    with pytest.raises(ConfigError, match=r"Known tasks: .*text-classification"):
        Transformers("text-clasification", "models://x")  # type: ignore[call-overload]


def test_declaration_imports_no_model_library() -> None:
    program = (
        "import sys, aimass_stream.adapters.transformers\n"
        "print({'torch', 'transformers', 'tokenizers'} & set(sys.modules) or 'none')"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "none"


def test_texts_decoded_together_are_what_each_is(classifier: TextClassifier) -> None:
    payloads = [*(text.encode() for text in TEXTS), b"\xff\xfe", b"", b"   "]
    together = classifier.decode_all(payloads)
    for payload, made in zip(payloads, together, strict=True):
        if isinstance(made, RecordError):
            with pytest.raises(RecordError) as refused:
                classifier.decode(payload)
            assert refused.value.reason is made.reason
        else:
            assert np.array_equal(made, classifier.decode(payload))
    assert sum(isinstance(made, RecordError) for made in together) == 3


def test_weights_in_bfloat16_answer_nearly_alike(folder: Path, classifier: TextClassifier) -> None:
    half = TextClassifier(spec(folder, top=4, dtype="bfloat16"), "cpu")
    inputs = [classifier.decode(text.encode()) for text in TEXTS]
    for ours, theirs in zip(half.predict(inputs), classifier.predict(inputs), strict=True):
        assert isinstance(ours, Prediction)
        assert isinstance(theirs, Prediction)
        assert dict(ours.scores) == pytest.approx(dict(theirs.scores), abs=0.1)


def test_an_unknown_dtype_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="dtype"):
        Transformers("text-classification", str(folder), dtype="int8")
