"""What importing transformers brings along, and that nothing is missing where it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

SPARED = ("sklearn", "scipy", "sympy", "torch._dynamo", "torch.distributed.tensor")

_LEAN = f"""
import json, sys
import torch
from aimass_stream.adapters.lean_imports import import_lean
import_lean()
import aimass_stream.adapters.transformers_text
import aimass_stream.adapters.transformers_images
import aimass_stream.adapters.transformers_generation
from transformers.utils import is_scipy_available
found = {{"spared": [name for name in {SPARED!r} if name in sys.modules]}}
found["scipy_is_told"] = is_scipy_available()
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


def _run(code: str) -> Any:
    told = "print(json.dumps(found))"
    ran = subprocess.run([sys.executable, "-c", code + told], capture_output=True, check=True)
    assert b"takes longer" not in ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def found() -> Any:
    pytest.importorskip("torchvision")
    return _run(_LEAN + _USED)


def test_what_answering_never_calls_is_not_imported(found: Any) -> None:
    assert found["spared"] == []


def test_models_that_ask_for_scipy_find_it(found: Any) -> None:
    assert found["scipy_is_told"]


def test_a_mask_of_a_function_is_what_it_always_was(found: Any) -> None:
    assert found["mask"] == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_whoever_compiles_finds_the_whole_compiler(found: Any) -> None:
    assert found["compiled"] == [2.0, 2.0]


def test_torchvision_works_that_was_imported_without_the_compiler(found: Any) -> None:
    assert found["aligned"] == 1.0
