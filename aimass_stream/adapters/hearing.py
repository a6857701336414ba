"""How a recogniser's outputs become words: by CTC, by a transducer, or token by token.

Imported in device processes only.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from aimass_stream.records import Transcript, Word

_WORD_STARTS = ("\u2581", "\u0120")


class Token(NamedTuple):
    """A token that was heard, from one frame up to, not including, another."""

    token: int
    first: int
    end: int


class Hearing(ABC):
    """One way to decode.

    Args:
        model: loaded.
        tokenizer: its tokenizer.
        most: tokens that are written at the most, where a decoder needs a bound.
    """

    def __init__(self, model: Any, tokenizer: Any, most: int) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._most = most

    @property
    def goes_on(self) -> bool:
        """Whether it hears recordings beyond a window of its model's."""
        return True

    @abstractmethod
    def encode(self, arguments: dict[str, torch.Tensor]) -> torch.Tensor | None:
        """Numbers `(rows, frames, ...)` that must not depend on padding; None: never pad."""

    @abstractmethod
    def transcribe(
        self, arguments: dict[str, torch.Tensor], frames: Sequence[int], seconds: Sequence[float]
    ) -> list[Transcript]:
        """What is said in each row.

        Args:
            arguments: of the model, one row a recording.
            frames: how many of its own frames the model makes of each.
            seconds: how long each is.
        """

    def frames(self, length: int) -> int:
        """Frames that the model makes of so many steps of its input."""
        model = self._model
        for owner in (model, getattr(model, "encoder", None), _base(model)):
            for name in ("_get_feat_extract_output_lengths", "_get_subsampling_output_length"):
                if hasattr(owner, name):
                    return int(getattr(owner, name)(torch.tensor([length]))[0])
        return length

    def words(self, tokens: Sequence[Token], frames: int, seconds: float) -> list[Word]:
        """The words that tokens make up, with their times."""
        return words_of(self._tokenizer, tokens, seconds / max(1, frames), seconds)

    def text(self, tokens: Sequence[int], **how: Any) -> str:
        """Tokens as text, none of them joined to its neighbour unless told."""
        return text_of(self._tokenizer, tokens, **how)


class Frames(Hearing):
    """CTC: a token or a blank for each frame; runs of one token are one."""

    def __init__(self, model: Any, tokenizer: Any, most: int) -> None:
        super().__init__(model, tokenizer, most)
        # As the library has it, these are taken out before runs are joined.
        kept = {model.config.pad_token_id, _id_of(tokenizer, "word_delimiter_token")}
        self._nothing = set(tokenizer.all_special_ids) - kept

    def encode(self, arguments: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits, `(rows, frames, tokens)`."""
        with torch.inference_mode():
            logits: torch.Tensor = self._model(**arguments).logits
            return logits.float().cpu()

    def transcribe(
        self, arguments: dict[str, torch.Tensor], frames: Sequence[int], seconds: Sequence[float]
    ) -> list[Transcript]:
        """The best token of each frame, runs joined."""
        logits = self.encode(arguments)
        if not torch.isfinite(logits).all():
            raise ArithmeticError("the model's scores are not all finite")
        best = logits.argmax(dim=2).tolist()
        return [
            self._one(row[: min(count, len(row))], length)
            for row, count, length in zip(best, frames, seconds, strict=True)
        ]

    def _one(self, best: list[int], seconds: float) -> Transcript:
        tokens: list[Token] = []
        blank = self._model.config.pad_token_id
        for at, token in enumerate(best):
            if token in self._nothing:
                continue
            if tokens and tokens[-1].token == token:
                tokens[-1] = tokens[-1]._replace(end=at + 1)
            else:
                tokens.append(Token(token, at, at + 1))
        words = self.words([one for one in tokens if one.token != blank], len(best), seconds)
        return Transcript(self.text(best, group_tokens=True), words, seconds)


class Transducer(Hearing):
    """RNN-T and TDT: tokens and how many frames each step went on."""

    def __init__(self, model: Any, tokenizer: Any, most: int) -> None:
        super().__init__(model, tokenizer, most)
        # Without it, generation begins with a token that no decoder was trained to begin with.
        model.generation_config.decoder_start_token_id = model.config.blank_token_id
        self._skipped = {model.config.blank_token_id, model.config.pad_token_id}
        self._spans = hasattr(model.config, "durations")

    def encode(self, arguments: dict[str, torch.Tensor]) -> torch.Tensor:
        """What the encoder makes of each frame."""
        with torch.inference_mode():
            found: torch.Tensor = self._model.get_audio_features(**arguments).pooler_output
            return found.float().cpu()

    def transcribe(
        self, arguments: dict[str, torch.Tensor], frames: Sequence[int], seconds: Sequence[float]
    ) -> list[Transcript]:
        """Greedy decoding, by the library."""
        with torch.inference_mode():
            # A token at each frame up to the most: the library's own bound is one too few.
            most = self._model.max_symbols_per_step * max(frames) + 1
            found = self._model.generate(
                **arguments, max_new_tokens=most, return_dict_in_generate=True
            )
        steps = found.durations.cumsum(dim=1) - found.durations
        rows = zip(found.sequences.tolist(), steps.tolist(), found.durations.tolist(), strict=True)
        return [
            self._one(row, count, length)
            for row, count, length in zip(rows, frames, seconds, strict=True)
        ]

    def _one(
        self, row: tuple[list[int], list[int], list[int]], frames: int, seconds: float
    ) -> Transcript:
        tokens = [
            Token(token, at, at + (max(1, lasts) if self._spans else 1))
            for token, at, lasts in zip(*row, strict=False)
            if token not in self._skipped and at < frames
        ]
        text = self.text([one.token for one in tokens])
        return Transcript(text, self.words(tokens, frames, seconds), seconds)


class Sequence2Sequence(Hearing):
    """Whisper, Moonshine and their like: a decoder that writes.

    Whisper tells when each phrase is said, if it was trained to; then it hears recordings beyond
    its window, too, by the library's own way: the next window begins where the last phrase that
    was finished ended (Radford et al. 2022, arXiv:2212.04356). Others tell no times.
    """

    def __init__(self, model: Any, tokenizer: Any, most: int) -> None:
        super().__init__(model, tokenizer, most)
        places = getattr(model.config, "max_target_positions", None)
        self._most = int(min(most, (places or math.inf) - 8))
        before = getattr(model.generation_config, "no_timestamps_token_id", None)
        self._first_time = None if before is None else int(before) + 1

    @property
    def goes_on(self) -> bool:
        """Whether it tells times, and so where its next window begins."""
        return self._first_time is not None

    def encode(self, arguments: dict[str, torch.Tensor]) -> None:
        """Nothing that could be compared frame by frame."""
        del arguments

    def frames(self, length: int) -> int:
        """Of no use where phrases tell their own times."""
        return length

    def transcribe(
        self, arguments: dict[str, torch.Tensor], frames: Sequence[int], seconds: Sequence[float]
    ) -> list[Transcript]:
        """Greedy decoding, by the library."""
        del frames
        if self._first_time is not None:
            return self._phrases(arguments, seconds, self._first_time)
        with torch.inference_mode():
            found = self._model.generate(**arguments, max_new_tokens=self._most, do_sample=False)
        texts = self._tokenizer.batch_decode(found, skip_special_tokens=True)
        return [
            Transcript(str(text).strip(), [], length)
            for text, length in zip(texts, seconds, strict=True)
        ]

    def _phrases(
        self, arguments: dict[str, torch.Tensor], seconds: Sequence[float], first_time: int
    ) -> list[Transcript]:
        with torch.inference_mode():
            found = self._model.generate(
                **arguments,
                max_new_tokens=self._most,
                do_sample=False,
                return_timestamps=True,
                return_segments=True,
            )
        return [
            self._told(segments, length, first_time)
            for segments, length in zip(found["segments"], seconds, strict=True)
        ]

    def _told(
        self, segments: Sequence[dict[str, Any]], seconds: float, first_time: int
    ) -> Transcript:
        phrases: list[Word] = []
        spoken: list[int] = []
        begun = 0.0
        for segment in segments:
            tokens = [token for token in segment["tokens"].tolist() if token < first_time]
            spoken += tokens
            text = self._spelt(tokens)
            if text:
                # A window begins where a phrase ended, and may hear one that began before that.
                begun = min(seconds, max(begun, float(segment["start"])))
                phrases.append(Word(text, begun, min(seconds, max(begun, float(segment["end"])))))
        return Transcript(self._spelt(spoken), phrases, seconds)

    def _spelt(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True)).strip()


def groups_of(tokenizer: Any, tokens: Sequence[Token]) -> list[list[Token]]:
    """Tokens by the word that they belong to; delimiters belong to none."""
    delimiter = getattr(tokenizer, "word_delimiter_token", None)
    groups: list[list[Token]] = [[]]
    for token in tokens:
        piece = str(tokenizer.convert_ids_to_tokens(token.token))
        if piece == delimiter:
            groups.append([])
            continue
        if piece.startswith(_WORD_STARTS):
            groups.append([])
        groups[-1].append(token)
    return [group for group in groups if group]


def words_of(tokenizer: Any, tokens: Sequence[Token], step_s: float, most_s: float) -> list[Word]:
    """The words that tokens make up, with their times.

    Args:
        tokenizer: of the tokens.
        tokens: in order.
        step_s: seconds that a frame lasts.
        most_s: where the recording ends; no word does later.
    """
    found = []
    for group in groups_of(tokenizer, tokens):
        text = text_of(tokenizer, [token.token for token in group])
        if text:
            end = min(most_s, group[-1].end * step_s)
            found.append(Word(text, min(end, group[0].first * step_s), end))
    return found


def text_of(tokenizer: Any, tokens: Sequence[int], **how: Any) -> str:
    """Tokens as text, none of them joined to its neighbour unless told."""
    how = {"group_tokens": False, **how}
    return str(tokenizer.decode(list(tokens), skip_special_tokens=True, **how)).strip()


def _base(model: Any) -> Any:
    return getattr(model, getattr(model, "base_model_prefix", ""), None)


def _id_of(tokenizer: Any, name: str) -> int | None:
    token = getattr(tokenizer, name, None)
    return None if token is None else int(tokenizer.convert_tokens_to_ids(token))
