"""What importing transformers brings along, and that nothing is missing where it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ResNetConfig,
    ResNetForImageClassification,
)

# Importing the compiler, to see that it works, takes long on a machine that has much else to do.
pytestmark = pytest.mark.timeout(300)

SPARED = ("sklearn", "scipy", "sympy", "torch._dynamo", "torch.distributed.tensor")

_LEAN = f"""
import json, sys
import torch
from aimass_stream.adapters.lean_imports import import_lean
import_lean()
import aimass_stream.adapters.transformers_text
import aimass_stream.adapters.transformers_images
import transformers
from transformers.utils import is_scipy_available
found = {{"logits": []}}
with torch.inference_mode():
    for name in ("BertForSequenceClassification", "ModernBertForSequenceClassification"):
        model = getattr(transformers, name).from_pretrained(f"{{sys.argv[1]}}/{{name}}").eval()
        found["logits"].append(model(torch.tensor([[3, 4, 5]])).logits[0].tolist())
    name = "ResNetForImageClassification"
    model = getattr(transformers, name).from_pretrained(f"{{sys.argv[1]}}/{{name}}").eval()
    found["logits"].append(model(torch.ones(1, 3, 32, 32)).logits[0].tolist())
found["filled"] = torch.nn.Embedding(50, 50).weight.std().item()
found["scipy_is_told"] = is_scipy_available()
found["spared"] = [name for name in {SPARED!r} if name in sys.modules]
"""

_PUT_OFF = """
import json, sys
import torch
from aimass_stream.adapters.lean_imports import import_lean
import_lean()
import aimass_stream.adapters.transformers_text
import transformers
name = "BertForSequenceClassification"
model = getattr(transformers, name).from_pretrained(f"{sys.argv[1]}/{name}").eval()
put_off = ("torchvision.models", "torchvision.datasets", "rich", "pydantic", "scipy")
found = {"spared": [name for name in put_off if name in sys.modules]}
given = {"input_ids": torch.tensor([[3, 4, 5]]), "labels": torch.tensor([1])}
answer = model(**given)
likely = torch.log_softmax(answer.logits, dim=1)[0, 1].item()
found["loss"] = [answer.loss.item(), -likely]
losses = sys.modules["transformers.modeling_utils"].LOSS_MAPPING
found["named"] = [losses[name].__name__ for name in (name, "BertModel", "DFineForObjectDetection")]
import torchvision
found["opened"] = [torchvision.models.resnet18.__name__, torchvision.datasets.MNIST.__name__]
found["absent"] = hasattr(torchvision, "nothing")
found["known"] = len(losses) > 10 and "ForCausalLM" in list(losses)
"""

_USED = """
from transformers import masking_utils
def causal(batch, head, query, key): return query >= key
mask = masking_utils.sdpa_mask(
    2, 3, 3, mask_function=causal, use_vmap=True, allow_is_causal_skip=False
)
found["mask"] = mask[1, 0].int().tolist()
double = torch.compile(lambda x: x * 2, backend="eager")
found["compiled"] = double(torch.ones(2)).tolist()
from torchvision.ops import roi_align
found["aligned"] = roi_align(torch.ones(1, 1, 4, 4), [torch.tensor([[0.0, 0, 2, 2]])], 1).item()
"""

_SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "num_labels": 3,
    "pad_token_id": 0,
}
_LABELS: dict[str, Any] = {"num_labels": 3}


def _save(folder: Path) -> list[list[float]]:
    """Save models that begin with an embedding, with places and with pixels; their answers."""
    tokens, pixels = torch.tensor([[3, 4, 5]]), torch.ones(1, 3, 32, 32)
    bert = BertConfig(vocab_size=20, num_hidden_layers=1, **_SIZES)
    modern = ModernBertConfig(vocab_size=20, num_hidden_layers=2, **_SIZES)
    resnet = ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], **_LABELS)
    models: list[tuple[Any, torch.Tensor]] = [
        (BertForSequenceClassification(bert), tokens),  # type: ignore[no-untyped-call]  # the library has no types
        (ModernBertForSequenceClassification(modern), tokens),
        (ResNetForImageClassification(resnet), pixels),  # type: ignore[no-untyped-call]  # as above
    ]
    answers = []
    with torch.inference_mode():
        for model, inputs in models:
            model.eval().save_pretrained(folder / type(model).__name__)
            answers.append(model(inputs).logits[0].tolist())
    return answers


@pytest.fixture(scope="module")
def logits(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("models")
    return folder, _save(folder)


def _found_by(program: str, folder: Path) -> Any:
    command = [sys.executable, "-c", f"{program}print(json.dumps(found))", str(folder)]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert b"takes longer" not in ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(logits: Any) -> Any:
    pytest.importorskip("torchvision")
    return _found_by(f"{_LEAN}{_USED}", logits[0])


def test_what_is_put_off_is_found_when_it_is_asked_for(logits: Any) -> None:
    found = _found_by(_PUT_OFF, logits[0])
    assert found["spared"] == []
    assert found["loss"][0] == pytest.approx(found["loss"][1])
    classes, default, detector = found["named"]
    assert classes == "ForSequenceClassificationLoss"
    assert default == "ForCausalLMLoss"
    assert detector == "DFineForObjectDetectionLoss"
    assert found["opened"] == ["resnet18", "MNIST"]
    assert not found["absent"]
    assert found["known"]


def test_what_answering_never_calls_is_not_imported(found: Any) -> None:
    assert found["spared"] == []


def test_models_answer_as_they_always_did(found: Any, logits: Any) -> None:
    for lean, plain in zip(found["logits"], logits[1], strict=True):
        assert lean == pytest.approx(plain, abs=1e-5)


def test_models_that_ask_for_scipy_find_it(found: Any) -> None:
    assert found["scipy_is_told"]


def test_weights_that_no_file_has_are_filled(found: Any) -> None:
    assert 0.9 < found["filled"] < 1.1


def test_a_mask_of_a_function_is_what_it_always_was(found: Any) -> None:
    assert found["mask"] == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_whoever_compiles_finds_the_whole_compiler(found: Any) -> None:
    assert found["compiled"] == [2.0, 2.0]


def test_torchvision_works_that_was_imported_without_the_compiler(found: Any) -> None:
    assert found["aligned"] == 1.0
