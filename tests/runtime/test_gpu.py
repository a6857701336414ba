"""What only a GPU can show; skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimass_stream import Transformers
from aimass_stream.adapters.transformers_text import TextClassifier
from aimass_stream.errors import RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Prediction, Text
from aimass_stream.registry.folder import resolve
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink
from aimass_stream.runtime.scorer import Scorer
from aimass_stream.runtime.shared_device import stages_of
from tests.adapters.text_models import TEXTS, build, tokenizer
from tests.runtime.helpers import ROOT
from tests.runtime.in_process_link import records
from tests.runtime.test_scorer_device import finish

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

GPU = "cuda:0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build("classifier", tmp_path)


def answer(folder: Path, device: str, dtype: str) -> Iterator[dict[str, float]]:
    spec = ModelSpec("texts", "1", "", str(folder), {"dtype": dtype, "top": 4})
    predictor = TextClassifier(spec, device)
    for answer in predictor.predict([predictor.decode(text.encode()) for text in TEXTS]):
        assert isinstance(answer, Prediction)
        yield dict(answer.scores)
    predictor.close()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.1)])
def test_a_gpu_answers_as_the_cpu_does(folder: Path, dtype: str, tolerance: float) -> None:
    expected = answer(folder, "cpu", "float32")
    for ours, theirs in zip(answer(folder, GPU, dtype), expected, strict=True):
        assert ours == pytest.approx(theirs, abs=tolerance)


def test_memory_is_given_back(folder: Path) -> None:
    before = torch.cuda.memory_allocated()
    list(answer(folder, GPU, "float32"))
    assert torch.cuda.memory_allocated() == before


@pytest.mark.asyncio
async def test_a_record_that_breaks_the_gpu_costs_itself(folder: Path) -> None:
    """A token beyond the embedding's rows fails a kernel, and with it everything that follows."""
    words = sorted(tokenizer().get_vocab().items(), key=lambda item: item[1])
    last = next(word for word, _ in reversed(words) if word.isalpha())
    shrink(folder, rows=dict(words)[last])
    payloads = [b"refund %d" % row for row in range(40)]
    payloads[17] = last.encode()
    model: Any = Transformers("text-classification", str(folder))
    host = DeviceHost(ROOT, GPU, models_package="", options=HostOptions(spare=True))
    await host.start()
    link = DeviceLink(host.socket_path)
    await link.connect()
    scorer = Scorer(link, buffer_bytes=1 << 20, stages=stages_of(link.device))
    try:
        await scorer.add(model, resolve(model, folder))
        outcomes = await finish(await scorer.submit(model, records(*payloads, kind=Text)))
    finally:
        await scorer.close()
        await link.close()
        await host.stop()
    failed = [row for row, outcome in enumerate(outcomes) if isinstance(outcome, RecordError)]
    assert failed == [17]
    assert outcomes[17].reason == "model_crash"
    assert all("its device was lost" in death.reason for death in host.deaths)


def shrink(folder: Path, rows: int) -> None:
    """Cut a model's embedding, so that it has no place for the tokens from `rows` on."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder)
    model.resize_token_embeddings(rows)
    model.save_pretrained(folder)
