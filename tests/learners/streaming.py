"""A tiny streaming transducer of random weights, and what its library itself makes of sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForRNNT

from aimass_stream.records import Word
from tests.zoo.library import model_of, words_of
from tests.zoo.sounds import extractor_of
from tests.zoo.transcripts import save_spelling

RATE_HZ = 16_000
STEP_S = 0.08
HOP = 160
HALF = 256
LOOKAHEAD = 1


def build_streaming(folder: Path) -> None:
    from transformers import (
        NemotronAsrStreamingConfig,
        NemotronAsrStreamingEncoderConfig,
        NemotronAsrStreamingFeatureExtractor,
        NemotronAsrStreamingForRNNT,
    )

    torch.manual_seed(7)
    extractor: Any = NemotronAsrStreamingFeatureExtractor
    extractor().save_pretrained(folder)
    pieces = save_spelling(folder)
    encoder = NemotronAsrStreamingEncoderConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        subsampling_conv_channels=8,
        initializer_range=0.3,
        sliding_window=9,
        default_num_lookahead_tokens=LOOKAHEAD,
    )
    config = NemotronAsrStreamingConfig(
        vocab_size=len(pieces),
        decoder_hidden_size=16,
        num_decoder_layers=1,
        max_symbols_per_step=2,
        encoder_config=encoder.to_dict(),
        pad_token_id=1,
        blank_token_id=len(pieces) - 1,
    )
    model = NemotronAsrStreamingForRNNT(config)
    with torch.no_grad():
        model.joint.head.weight.mul_(10)
        model.joint.head.bias[2:10] += 3.0  # pieces that begin a word
        model.joint.head.bias[-1] = 4.0
    model.save_pretrained(folder)


def sound(seconds: float, seed: int) -> NDArray[np.float32]:
    """Noise whose loudness and colour change, so that the model says more than one thing."""
    draw = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hum = np.sin(2 * np.pi * 300 * (1 + seed) * times * (1 + 0.3 * np.sin(3 * times)))
    loud = 0.3 * np.abs(np.sin(2 * np.pi * 1.3 * times + seed))
    return (loud * (hum + draw.normal(0, 0.5, len(times)))).astype(np.float32)


def features(folder: Path, samples: NDArray[np.float32]) -> Iterator[torch.Tensor]:
    """The whole of a sound as its model's chunks, as many as it fills."""
    whole = extractor_of(folder)(samples, sampling_rate=RATE_HZ, return_tensors="pt")[
        "input_features"
    ]
    at, count = 0, 1 + 8 * LOOKAHEAD
    while (at + count - 1) * HOP + HALF <= len(samples):
        yield whole[:, at : at + count]
        at, count = at + count, 8 * (1 + LOOKAHEAD)


def heard_by_library(folder: Path, samples: NDArray[np.float32]) -> tuple[str, list[Word]]:
    """Text and words of one pass of the library's own `generate` over all of it."""
    model, words = model_of(AutoModelForRNNT, folder), words_of(folder)
    model.generation_config.decoder_start_token_id = model.config.blank_token_id
    found = model.generate(
        input_features=features(folder, samples),
        num_lookahead_tokens=LOOKAHEAD,
        return_dict_in_generate=True,
        max_new_tokens=10_000,
    )
    places = (found.durations.cumsum(dim=1) - found.durations)[0].tolist()
    skipped = {model.config.blank_token_id, model.config.pad_token_id}
    kept = [
        (token, at)
        for token, at in zip(found.sequences[0].tolist(), places, strict=True)
        if token not in skipped
    ]
    most = len(samples) / RATE_HZ
    said: list[Word] = []
    for token, at in kept:
        piece = words.convert_ids_to_tokens(token)
        end = min(most, (at + 1) * STEP_S)
        if not said or piece.startswith("▁"):
            said.append(Word(piece.lstrip("▁"), at * STEP_S, end))
        else:
            said[-1] = Word(said[-1].text + piece, said[-1].start_s, end)
    text: str = words.decode([token for token, _ in kept], skip_special_tokens=True).strip()
    return text, said
