"""The state of a `Listener`: what each speaker has said so far. In learner processes only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from aimass_stream.adapters.hearing import Token, groups_of, text_of, words_of
from aimass_stream.adapters.streaming import Progress, load_transducer
from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.records import Audio, Limits, Transcript
from aimass_stream.records.json_object import read_object

_LIMITS = Limits()
_END_BYTES = 256


class Piece(NamedTuple):
    """Some speech, or its end.

    Attributes:
        offset: in the log.
        key: whose it is.
        time_ms: event time.
        samples: `(samples,)` float32 at the model's rate; None where the speech ends.
    """

    offset: int
    key: str
    time_ms: int
    samples: Samples | None


class Speech(NamedTuple):
    """What a speaker has said so far.

    Attributes:
        last_ms: event time of the latest piece.
        progress: of the model.
        tokens: what an answer tells of, oldest first.
    """

    last_ms: int
    progress: Progress = Progress()
    tokens: tuple[Token, ...] = ()


class Followed(NamedTuple):
    """A piece, with what was before it and what is behind it.

    Attributes:
        piece: it.
        before: None where the speech begins.
        after: None where it has ended.
        answer: None where nothing is new.
    """

    piece: Piece
    before: Speech | None
    after: Speech | None
    answer: Transcript | None


class ListenerState:
    """The `LearnerState` of `Listener`.

    A piece goes through the model once: what `score` found is kept until it is learnt. It is found
    again where it was not kept, and is the same.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._digest = str(settings.get("digest", ""))
        folder = str(settings.get("folder", settings["model"]))
        self._model = load_transducer(folder, self._digest, int(settings["lookahead"]))
        self._gap_ms = float(settings["gap_s"]) * 1000
        self._kept_steps = float(settings["keep_s"]) / self._model.step_s
        self._piece_s = float(settings["piece_s"])
        self._keys = int(settings["keys"])
        self._speeches: OrderedDict[str, Speech] = OrderedDict()
        self._found: dict[int, Followed] = {}

    def read(self, event: Event) -> Piece:
        """A recording at the model's rate, or the end of what was said.

        Raises:
            RecordError: it is none that can be decoded, is too long, or a claim check.
        """
        key = "" if event.key is None else event.key.decode(errors="replace")
        if _is_end(event.value):
            return Piece(event.offset, key, event.timestamp_ms, None)
        record = Audio(event.topic, 0, event.offset, event.timestamp_ms, event.key, event.value, ())
        record.check(_LIMITS)
        if record.claim is not None:
            raise RecordError(Reason.BAD_ENVELOPE, "a piece must come along; it is a claim check")
        samples = decode_audio(record.bytes, _LIMITS, self._model.rate_hz)
        seconds = len(samples) / self._model.rate_hz
        if seconds > self._piece_s:
            detail = f"a piece of {seconds:.1f} s is longer than {self._piece_s:g} s"
            raise RecordError(Reason.TOO_LARGE, detail)
        return Piece(event.offset, key, event.timestamp_ms, samples)

    def score(self, inputs: Sequence[Piece]) -> list[Transcript | None]:
        """All that was said so far, where a piece brings something new; all of it at an end."""
        return [one.answer for one in self._follow(inputs)]

    def learn(self, inputs: Sequence[Piece]) -> None:
        """Remember what was said."""
        for piece, followed in zip(inputs, self._follow(inputs), strict=True):
            if followed.after is None:
                self._speeches.pop(piece.key, None)
                continue
            self._speeches[piece.key] = followed.after
            self._speeches.move_to_end(piece.key)
            if len(self._speeches) > self._keys:
                self._speeches.popitem(last=False)
        self._found = {}

    def snapshot(self) -> Snapshot:
        """Every speaker's state, the longest silent first."""
        arrays: dict[str, Any] = {}
        rows = []
        for at, (key, speech) in enumerate(self._speeches.items()):
            progress = speech.progress
            rows.append(
                [
                    key,
                    speech.last_ms,
                    [progress.heard, progress.frames, progress.steps],
                    [list(token) for token in speech.tokens],
                ]
            )
            arrays[f"{at}:waiting"] = progress.waiting
            for name, tensor in progress.context.items():
                arrays[f"{at}:context.{name}"] = tensor.numpy()
        return Snapshot(arrays, {"digest": self._digest, "speeches": rows})

    def restore(self, snapshot: Snapshot) -> None:
        """Have the speakers that were laid down.

        Raises:
            ValueError: they were heard by another model.
        """
        if snapshot.data["digest"] != self._digest:
            raise ValueError("it was laid down by a model of other weights")
        contexts: dict[int, dict[str, torch.Tensor]] = {}
        for name, array in snapshot.arrays.items():
            place, _, part = name.partition(":context.")
            if part:
                contexts.setdefault(int(place), {})[part] = torch.from_numpy(np.array(array))
        self._found = {}
        self._speeches = OrderedDict()
        for at, (key, last_ms, (heard, frames, steps), tokens) in enumerate(
            snapshot.data["speeches"]
        ):
            waiting = np.array(snapshot.arrays[f"{at}:waiting"])
            progress = Progress(heard, waiting, frames, steps, contexts.get(at, {}))
            self._speeches[key] = Speech(last_ms, progress, tuple(Token(*one) for one in tokens))

    def _follow(self, inputs: Sequence[Piece]) -> list[Followed]:
        """What each piece makes of the speech before it; nothing is changed."""
        ahead: dict[str, Speech | None] = {}
        found = []
        for piece in inputs:
            before = ahead.get(piece.key, self._speeches.get(piece.key))
            known = self._found.get(piece.offset)
            if known is None or known.piece is not piece or known.before is not before:
                known = self._found[piece.offset] = self._hear(before, piece)
            ahead[piece.key] = known.after
            found.append(known)
        return found

    def _hear(self, before: Speech | None, piece: Piece) -> Followed:
        if piece.samples is None:
            return Followed(piece, before, None, None if before is None else self._ended(before))
        speech = before
        if speech is None or piece.time_ms - speech.last_ms > self._gap_ms:
            speech = Speech(piece.time_ms)
        progress, tokens = self._model.hear(speech.progress, piece.samples)
        # A late piece does not turn a speaker's time back.
        last_ms = max(piece.time_ms, speech.last_ms)
        after = Speech(last_ms, progress, self._kept([*speech.tokens, *tokens], progress.steps))
        return Followed(piece, before, after, self._told(after) if tokens else None)

    def _ended(self, speech: Speech) -> Transcript:
        tokens = [*speech.tokens, *self._model.finish(speech.progress)]
        return self._told(speech._replace(tokens=tuple(tokens)))

    def _kept(self, tokens: Sequence[Token], steps: int) -> tuple[Token, ...]:
        """Those of words that are not too old; what has no words is cut within twice that time."""
        since = steps - self._kept_steps
        if not tokens or tokens[0].first >= since:
            return tuple(tokens)
        words = groups_of(self._model.tokenizer, tokens)
        kept = [token for word in words if word[-1].first >= since for token in word]
        return tuple(token for token in kept if token.first >= since - self._kept_steps)

    def _told(self, speech: Speech) -> Transcript:
        tokenizer, seconds = self._model.tokenizer, speech.progress.heard / self._model.rate_hz
        words = words_of(tokenizer, speech.tokens, self._model.step_s, seconds)
        text = text_of(tokenizer, [one.token for one in speech.tokens])
        return Transcript(text, words, seconds)


def _is_end(value: bytes) -> bool:
    """Whether a value says that a speaker has finished."""
    if len(value) > _END_BYTES or b'"end"' not in value:
        return False
    try:
        return read_object(value, _END_BYTES) == {"end": True}
    except RecordError:
        return False
