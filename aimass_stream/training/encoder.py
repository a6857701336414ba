"""A small text encoder and its tokenizer, made from nothing but texts, on the CPU.

The network is a ModernBERT in the transformers format: it knows places by how far apart they are,
which a small network learns from few texts. Classification of texts and of tokens differ in their
targets only. Data sets and their splits are the callers'.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch.nn import functional
from transformers import ModernBertConfig, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from aimass_stream.adapters.transformers_text import Ids
from aimass_stream.training.loop import Progress

UNLABELLED = -100
"""The target of a token that is not learnt from."""

_ATTENTION = ("full_attention", "sliding_attention")
_PAD, _UNK, _CLS, _SEP = "[PAD]", "[UNK]", "[CLS]", "[SEP]"


@dataclass(frozen=True, kw_only=True)
class TextRecipe:
    """How a small encoder is made and trained.

    Attributes:
        epochs: passes over the data.
        width: of its layers; a multiple of 32.
        layers: how many.
        vocabulary: word pieces at the most.
        max_tokens: of a text; the rest is cut.
        batch_rows: rows of one step.
        learning_rate: its peak; it rises over the first tenth and falls to nothing.
        weight_decay: as AdamW takes it.
        dropout: share of values dropped while training.
        word_dropout: share of tokens replaced by the unknown token, so that single words are
            not relied on.
        label_smoothing: share of the target spread over all labels.
        seed: of weights, order and dropout.
    """

    epochs: int
    width: int = 96
    layers: int = 2
    vocabulary: int = 3000
    max_tokens: int = 64
    batch_rows: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.1
    word_dropout: float = 0.1
    label_smoothing: float = 0.05
    seed: int = 0


def wordpiece(texts: Iterable[str], vocabulary: int, max_tokens: int) -> Any:
    """An uncased WordPiece tokenizer in the transformers format, learnt from texts.

    Chinese characters and punctuation are words of their own.
    """
    special = [_PAD, _UNK, _CLS, _SEP]
    learning = _tokenizer(models.WordPiece(unk_token=_UNK))
    kept = list(texts)
    # Ties between pairs are broken by number, and the trainer numbers the letters inside words
    # in an order of the moment, unless they are given to it.
    inside = [f"##{letter}" for letter in _letters(learning, kept)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[*special, *inside],
        show_progress=False,
    )
    learning.train_from_iterator(kept, trainer)
    found = sorted(learning.get_vocab().keys() - set(special))
    ids = {token: number for number, token in enumerate([*special, *found])}
    made = _tokenizer(models.WordPiece(ids, unk_token=_UNK))
    made.post_processor = processors.BertProcessing((_SEP, ids[_SEP]), (_CLS, ids[_CLS]))
    names = {"pad_token": _PAD, "unk_token": _UNK, "cls_token": _CLS, "sep_token": _SEP}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # the library has no types
        tokenizer_object=made, model_max_length=max_tokens, **names
    )


def _tokenizer(model: Any) -> Any:
    made = Tokenizer(model)
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    return made


def _letters(tokenizer: Any, texts: Iterable[str]) -> list[str]:
    """Every letter of the texts as the tokenizer sees them, in the alphabet's order."""
    return sorted(set(tokenizer.normalizer.normalize_str(" ".join(texts))) - {" "})


def small_encoder(
    model_class: Any, tokenizer: Any, labels: Sequence[str], recipe: TextRecipe
) -> Any:
    """An untrained ModernBERT of a class of transformers, as the recipe sizes it."""
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.width * 3 // 2,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.width // 32,
        max_position_embeddings=recipe.max_tokens,
        local_attention=16,
        layer_types=[
            ("full_attention", "sliding_attention")[row % 2] for row in range(recipe.layers)
        ],
        embedding_dropout=recipe.dropout,
        mlp_dropout=recipe.dropout,
        attention_dropout=recipe.dropout,
        classifier_dropout=recipe.dropout,
        classifier_pooling="mean",
        # Wider than usual: a small network would take long to leave its start.
        initializer_range=0.1,
        pad_token_id=tokenizer.pad_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        bos_token_id=None,
        eos_token_id=None,
        id2label=dict(enumerate(labels)),
        label2id={label: row for row, label in enumerate(labels)},
    )
    return model_class(config)


def train(
    model: Any,
    inputs: Sequence[Ids],
    targets: Sequence[NDArray[np.int64]],
    recipe: TextRecipe,
    progress: Progress | None = None,
) -> None:
    """Train `model` in place; the same arguments give the same weights on one machine.

    Args:
        model: what `small_encoder` made; it classifies texts or tokens.
        inputs: the tokens of each text.
        targets: the label of each text, `()`, or of each of its tokens, `(tokens,)`.
        recipe: how.
        progress: told after every epoch.
    """
    steps = recipe.epochs * math.ceil(len(inputs) / recipe.batch_rows)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.1
    )
    draw = np.random.default_rng(recipe.seed)
    model.train()
    for epoch in range(recipe.epochs):
        for rows in _batches([len(ids) for ids in inputs], recipe.batch_rows, draw):
            logits, goal = _forward(model, inputs, targets, rows, (recipe.word_dropout, draw))
            loss = functional.cross_entropy(
                logits, goal, label_smoothing=recipe.label_smoothing, ignore_index=UNLABELLED
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # the library has no types
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        if progress is not None:
            share = (epoch + 1) / recipe.epochs
            progress(share, f"epoch {epoch + 1}/{recipe.epochs}, loss {loss.item():.3f}")
    model.eval()


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model and tokenizer as the adapters load them."""
    disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _batches(
    lengths: Sequence[int], rows: int, draw: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Rows of about one length together, in random order, so that little is padded."""
    order = np.argsort(np.array(lengths) + draw.uniform(0, 4, len(lengths)))
    batches = [order[first : first + rows] for first in range(0, len(order), rows)]
    return [batches[place] for place in draw.permutation(len(batches))]


def _forward(
    model: Any,
    inputs: Sequence[Ids],
    targets: Sequence[NDArray[np.int64]],
    rows: NDArray[np.int64],
    dropping: tuple[float, np.random.Generator],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and goals, one row a text or a token."""
    longest = max(len(inputs[row]) for row in rows)
    ids = np.full((len(rows), longest), model.config.pad_token_id, np.int64)
    mask = np.zeros((len(rows), longest), np.int64)
    of_tokens = bool(targets[0].ndim)
    goals = np.full((len(rows), longest if of_tokens else 1), UNLABELLED, np.int64)
    share, draw = dropping
    for place, row in enumerate(rows):
        length = len(inputs[row])
        ids[place, :length] = inputs[row][:, 0]
        mask[place, :length] = 1
        goals[place, : length if of_tokens else 1] = targets[row]
    # The unknown token follows the padding's, which a tokenizer made here has first.
    dropped = (draw.random(ids.shape) < share) & (ids > model.config.pad_token_id + 3)
    ids[dropped] = model.config.pad_token_id + 1
    logits = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits
    return logits.flatten(0, -2), torch.from_numpy(goals).flatten()
