"""The generation row set: prompts of mixed length written one at a time, padded, and side by side.

A GPT-2 of random weights, made here: what it writes means nothing, how long it takes does. Each
prompt has a number of tokens of its own that are to be written, since real ones end at different
places; only these count. CPU time of one thread is measured: on a core of its own it is the time
that passes, and whatever else the machine does changes little.

* `generate-one`: the library's `generate`, prompt after prompt.
* `generate-padded`: its `generate` for all prompts at once, until the longest is done.
* `aimass-together`: ours, with as many places as there are prompts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_continuation import Continued, TextGenerator
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import PromptControls
from aimass_stream.records.told import write_told
from aimass_stream.registry.folder import resolve
from benchmarks.bench import Bench, Figures, interleave, medians

PROMPTS = 16
WORDS = 8_000
WIDTH = 384
LAYERS = 4
MOST_TOKENS = 64
SEED = 7
BASELINE = "generate-one"
CONTESTANTS = (BASELINE, "generate-padded", "aimass-together")


@dataclass(frozen=True)
class Task:
    """Prompts, and how many tokens are written on from each."""

    texts: list[str]
    tokens: list[int]

    @property
    def total(self) -> int:
        """Tokens that are to be written."""
        return sum(self.tokens)


def run_generation(bench: Bench) -> None:
    """Measure every contestant once a round, and write medians."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    folder = bench.scratch / "writer"
    save_writer(folder)
    task = draw_task(bench.scaled(PROMPTS), bench.scaled(MOST_TOKENS))
    measures: dict[str, Any] = {
        BASELINE: Library(folder, 1),
        "generate-padded": Library(folder, len(task.texts)),
        "aimass-together": Ours(folder, len(task.texts)),
    }

    def measure(name: str) -> Figures:
        begun = time.process_time()
        written = measures[name].write(task)
        spent_s = time.process_time() - begun
        if written != task.total:
            raise RuntimeError(f"{name} wrote {written} tokens instead of {task.total}")
        return {"tokens_per_cpu_s": task.total / spent_s, "cpu_s": spent_s}

    def keep(runs: dict[str, list[Figures]]) -> None:
        bench.write(
            "generation",
            {
                "rows": [row_of(name, runs) for name in runs if runs[name]],
                "prompts": len(task.texts),
                "tokens": task.tokens,
                "prompt_words": [len(text.split()) for text in task.texts],
                "model": {"width": WIDTH, "layers": LAYERS, "words": WORDS},
            },
        )

    interleave(bench, CONTESTANTS, measure, keep)


def row_of(name: str, runs: dict[str, list[Figures]]) -> dict[str, Any]:
    """A contestant's medians, and its share of the baseline round by round."""
    pairs = zip(runs[name], runs[BASELINE], strict=False)
    times = [one["tokens_per_cpu_s"] / floor["tokens_per_cpu_s"] for one, floor in pairs]
    return {
        "contestant": name,
        **medians(runs[name]),
        "times_one_at_a_time": round(median(times), 3),
        "rounds": len(runs[name]),
        "runs": runs[name],
    }


def save_writer(folder: Path) -> None:
    """A GPT-2 that never ends a text by itself, and a tokenizer with a token for each word."""
    unknown, padding = "w0", "w1"
    words = Tokenizer(models.WordLevel({f"w{at}": at for at in range(WORDS)}, unk_token=unknown))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # the library has no types
        tokenizer_object=words, unk_token=unknown, pad_token=padding
    )
    tokenizer.save_pretrained(folder)
    config = GPT2Config(
        vocab_size=WORDS,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=WIDTH // 64,
        n_positions=512,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=1,
    )
    model: Any = GPT2LMHeadModel(config)  # type: ignore[no-untyped-call]  # as above
    model.generation_config.eos_token_id = None
    model.save_pretrained(folder)


def draw_task(prompts: int, most_tokens: int) -> Task:
    """Prompts of 4 to 64 words, each to be written on for an eighth of `most_tokens` or more."""
    draw = np.random.default_rng(SEED)
    texts = [
        " ".join(f"w{word}" for word in draw.integers(4, WORDS, length))
        for length in draw.integers(4, 65, prompts)
    ]
    tokens = draw.integers(max(1, most_tokens // 8), most_tokens + 1, prompts)
    return Task(texts, tokens.tolist())


class Library:
    """The library's own loop.

    Args:
        folder: of the model.
        rows: prompts at a time, padded on the left to the longest.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self._words: Any = PreTrainedTokenizerFast.from_pretrained(folder, padding_side="left")
        model: Any = AutoModelForCausalLM.from_pretrained(folder)
        self._model = model.eval()
        self._rows = rows

    def write(self, task: Task) -> int:
        """Write all; the tokens that were asked for."""
        written = 0
        for first in range(0, len(task.texts), self._rows):
            asked = task.tokens[first : first + self._rows]
            texts = task.texts[first : first + self._rows]
            inputs = self._words(texts, return_tensors="pt", padding=True)
            with torch.inference_mode():
                found = self._model.generate(
                    input_ids=inputs["input_ids"],
                    attention_mask=inputs["attention_mask"],
                    do_sample=False,
                    max_new_tokens=max(asked),
                )
            new = found.shape[1] - inputs["input_ids"].shape[1]
            written += sum(min(new, count) for count in asked)
        return written


class Ours:
    """The predictor as a device process runs it.

    Args:
        folder: of the model.
        together: prompts that are written at a time.
    """

    def __init__(self, folder: Path, together: int) -> None:
        self.predictor = load(folder, together)

    def write(self, task: Task) -> int:
        """Write all; the tokens that were written."""
        with torch.inference_mode():
            found = self.predictor.predict(inputs_of(self.predictor, task))
        return sum(getattr(answer, "tokens", 0) for answer in found)


def load(folder: Path, together: int) -> TextGenerator:
    """The predictor of the benchmark's model."""
    model = Transformers(
        "text-generation", str(folder), max_new_tokens=MOST_TOKENS, together=together
    )
    return TextGenerator(resolve(model, folder), "cpu")


def inputs_of(predictor: TextGenerator, task: Task) -> list[Continued]:
    """The prompts as inputs, each with its number of tokens."""
    return [
        replace(
            predictor.decode(bytes(SEED_BYTES) + write_told({}) + text.encode()),
            controls=PromptControls(max_new_tokens=count),
        )
        for text, count in zip(task.texts, task.tokens, strict=True)
    ]
