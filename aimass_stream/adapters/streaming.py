"""A streaming transducer of transformers: what it carries from one chunk of audio to the next.

The encoder is cache-aware (Noroozi et al. 2024, arXiv:2312.17279): chunks have one fixed length,
attention and convolutions go on from what the chunk before left, and the predictor of the
transducer (Graves 2012, arXiv:1211.3711) from its last token. Nothing is ever computed twice, and
the outcome is that of the library's own `generate` on the whole. In model processes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForRNNT, AutoTokenizer, DynamicCache

from aimass_stream.adapters.classification import describe, load_model
from aimass_stream.adapters.extraction import load_extractor
from aimass_stream.adapters.hearing import Token
from aimass_stream.codecs.audio import Samples
from aimass_stream.errors import SetupError

FAMILY = "nemotron_asr_streaming"
"""The model type of the family that this is for."""

Context = Mapping[str, torch.Tensor]
"""What goes on to the next chunk, by name: attention's keys and values `(1, heads, steps, size)`,
what convolutions saw last, and the predictor's state. Empty before the first chunk."""


class Progress(NamedTuple):
    """How far one stream has come.

    Attributes:
        heard: samples that came.
        waiting: the last of them, from the first that the next chunk needs, `(samples,)` float32.
        frames: spectrogram frames that went through the encoder.
        steps: what the encoder made of them.
        context: what goes on.
    """

    heard: int = 0
    waiting: Samples = np.empty(0, np.float32)
    frames: int = 0
    steps: int = 0
    context: Context = MappingProxyType({})


class StreamingTransducer:
    """A loaded model; one chunk of one stream at a time, so that no other stream has a part in it.

    Args:
        folder: the model's.
        lookahead: steps beyond the one that is written.

    Attributes:
        rate_hz: the rate it takes.
        step_s: seconds of a step of the encoder.
        tokenizer: the folder's.

    Raises:
        SetupError: the folder holds no such model, or it fails on silence.
    """

    def __init__(self, folder: Path, lookahead: int) -> None:
        self._extractor = load_extractor(folder)
        self._lookahead = lookahead
        self._model = _load(folder)
        self.tokenizer = _load_tokenizer(folder)
        config = self._model.config
        self._factor = int(config.encoder_config.subsampling_factor)
        self._blank = int(config.blank_token_id)
        self._skipped = {self._blank, int(config.pad_token_id)}
        self.rate_hz = int(self._extractor.sampling_rate)
        self._hop, self._half = int(self._extractor.hop_length), int(self._extractor.n_fft) // 2
        self.step_s = self._factor * self._hop / self.rate_hz
        try:
            self._attention, self._convolutions = self._first_caches()
        except Exception as error:
            raise SetupError(f"{describe(folder, error)} It failed on silence.") from error

    def hear(self, progress: Progress, samples: Samples) -> tuple[Progress, list[Token]]:
        """Take more samples; tokens of every chunk that they complete.

        Args:
            progress: of the stream; it stays as it is.
            samples: `(samples,)` float32 at `rate_hz`, those that come next.
        """
        waiting = np.concatenate([progress.waiting, samples])
        now = progress._replace(heard=progress.heard + len(samples), waiting=waiting)
        tokens: list[Token] = []
        while now.heard >= self._end_of_next(now):
            now, more = self._step(now)
            tokens += more
        return now, tokens

    def finish(self, progress: Progress) -> list[Token]:
        """Tokens of what still waits, silence behind it."""
        tokens: list[Token] = []
        now = progress
        while now.frames * self._hop < progress.heard:
            short = self._end_of_next(now) - now.heard
            now, more = self.hear(now, np.zeros(short, np.float32))
            tokens += more
        return tokens

    def _frames_of_next(self, progress: Progress) -> int:
        if not progress.frames:
            return 1 + self._factor * self._lookahead
        return self._factor * (1 + self._lookahead)

    def _end_of_next(self, progress: Progress) -> int:
        """The first sample behind the next chunk's last window."""
        last = progress.frames + self._frames_of_next(progress) - 1
        return last * self._hop + self._half

    def _step(self, progress: Progress) -> tuple[Progress, list[Token]]:
        """The next chunk, all of which is there."""
        count, first = self._frames_of_next(progress), not progress.frames
        begin = max(0, progress.frames * self._hop - self._half)
        length = self._end_of_next(progress) - begin
        features = self._extractor(
            progress.waiting[:length],
            sampling_rate=self.rate_hz,
            return_tensors="pt",
            # The very first window reaches to before the first sample.
            center=first,
        )["input_features"][:, :count]
        with torch.inference_mode():
            tokens, steps, context = self._decode(features, progress)
        frames = progress.frames + count
        kept = progress.waiting[max(0, frames * self._hop - self._half) - begin :]
        return Progress(progress.heard, kept.copy(), frames, steps, context), tokens

    def _decode(
        self, features: torch.Tensor, progress: Progress
    ) -> tuple[list[Token], int, Context]:
        """Greedily, as the library does: at most so many tokens a step, then the next."""
        context = progress.context
        attention, convolutions = self._resume(context)
        encoded = self._encode(features, attention, convolutions)[0]
        predictor = self._predictor(context)
        said = self._predict(self._blank, predictor) if not context else predictor.cache
        tokens = []
        for at, step in enumerate(encoded, progress.steps):
            for _ in range(self._model.max_symbols_per_step):
                scores = self._model.joint(
                    encoder_hidden_states=step[None, None, None],
                    decoder_hidden_states=said[:, None],
                )
                if not torch.isfinite(scores).all():
                    raise ArithmeticError("the model's scores are not all finite")
                best = int(scores.argmax())
                if best == self._blank:
                    break
                if best not in self._skipped:
                    tokens.append(Token(best, at, at + 1))
                said = self._predict(best, predictor)
        steps = progress.steps + len(encoded)
        return tokens, steps, _context(attention, convolutions, predictor)

    def _encode(self, features: torch.Tensor, attention: Any, convolutions: Any) -> torch.Tensor:
        found: torch.Tensor = self._model.get_audio_features(
            input_features=features,
            past_key_values=attention,
            padding_cache=convolutions,
            num_lookahead_tokens=self._lookahead,
            use_cache=True,
            output_attention_mask=False,
        ).pooler_output
        return found

    def _predict(self, token: int, predictor: Any) -> torch.Tensor:
        found: torch.Tensor = self._model.decoder(torch.tensor([[token]]), cache=predictor)
        return found

    def _predictor(self, context: Context) -> Any:
        from transformers.models.nemotron_asr_streaming import (
            generation_nemotron_asr_streaming as library,
        )

        new_cache: Any = library.NemotronAsrStreamingRNNTDecoderCache
        made = new_cache(self._model.config)
        if context:
            made.is_initialized = True
            for name in _PREDICTOR:
                setattr(made, name, context[f"predictor.{name}"].clone())
        return made

    def _first_caches(self) -> tuple[Any, Any]:
        """The library's caches behind a first chunk, whose shape all later ones have."""
        count = 1 + self._factor * self._lookahead
        silence = np.zeros((1, count, self._extractor.feature_size), np.float32)
        with torch.inference_mode():
            found = self._model.get_audio_features(
                input_features=torch.from_numpy(silence),
                num_lookahead_tokens=self._lookahead,
                use_cache=True,
                output_attention_mask=False,
            )
        return found.past_key_values, found.padding_cache

    def _resume(self, context: Context) -> tuple[Any, Any]:
        """The library's caches as a chunk before left them; a chunk changes them in place."""
        if not context:
            config = self._model.config.encoder_config
            return DynamicCache(config=config), type(self._convolutions)()
        attention, convolutions = copy(self._attention), copy(self._convolutions)
        attention.layers = [copy(layer) for layer in self._attention.layers]
        for at, layer in enumerate(attention.layers):
            layer.keys, layer.values = context[f"keys.{at}"], context[f"values.{at}"]
            layer.cumulative_length = int(context["steps"])
        convolutions.layers = {}
        for name, layer in self._convolutions.layers.items():
            convolutions.layers[name] = copy(layer)
            convolutions.layers[name].cache = context[f"convolution.{name}"].clone()
        return attention, convolutions


_PREDICTOR: Sequence[str] = ("cache", "hidden_state", "cell_state")


def _context(attention: Any, convolutions: Any, predictor: Any) -> Context:
    found: dict[str, torch.Tensor] = {"steps": torch.tensor(attention.layers[0].cumulative_length)}
    for at, layer in enumerate(attention.layers):
        # What is kept is a part of what was attended to; the rest need not stay in memory.
        found[f"keys.{at}"], found[f"values.{at}"] = layer.keys.clone(), layer.values.clone()
    for name, layer in convolutions.layers.items():
        found[f"convolution.{name}"] = layer.cache
    for name in _PREDICTOR:
        found[f"predictor.{name}"] = getattr(predictor, name)
    return found


@cache
def load_transducer(folder: str, digest: str, lookahead: int) -> StreamingTransducer:
    """The model of a folder, loaded once for all logs of a process.

    Args:
        folder: absolute.
        digest: of its files; another one is another model.
        lookahead: as of `StreamingTransducer`.

    Raises:
        SetupError: as `StreamingTransducer`.
    """
    del digest
    return StreamingTransducer(Path(folder), lookahead)


def _load(folder: Path) -> Any:
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise SetupError(f"{describe(folder, error)} Is there a config.json?") from error
    if config.model_type != FAMILY:
        raise SetupError(
            f"The model in {folder} is a {config.model_type}. A listener needs a transducer that "
            f"goes on from chunk to chunk: {FAMILY}."
        )
    return load_model(folder, AutoModelForRNNT, "streaming transducer").eval()


def _load_tokenizer(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise SetupError(f"{describe(folder, error)} Is there a tokenizer.json?") from error
