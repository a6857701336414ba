"""Short sounds with known labels, in several formats, and some that are broken."""

from __future__ import annotations

import random
from types import MappingProxyType
from typing import Any

import msgspec

from aimass_stream.cli.demo.acts import Accounts, Act, Item, share_of
from aimass_stream.kafka.sender import Place
from aimass_stream.records import Prediction
from aimass_stream.records.audio import encode_json, encode_raw
from aimass_stream.training.sounds import NearestMean, sound_files
from aimass_stream.verify.oracle import Watched

BROKEN_SHARE = 0.02
JSON_SHARE = 0.10
USERS = 100
KEPT_SOUNDS = 200
"""How many sounds are kept for the baseline, which need not hear them all."""

_prediction = msgspec.json.Decoder(Prediction)


class AudioAct(Act):
    """Tones, hums, knocks, chirps and what sounds like speech.

    Args:
        seed: of everything that is drawn.
    """

    topic = "audio"
    share = 0.06
    watched = (Watched("listen", "audio", "predictions.audio"),)
    models = MappingProxyType({"sounds-whisper": "sounds"})

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - noise, no secret
        self._sounds = sound_files("stream", seed=seed)
        self._labels: dict[Place, str] = {}
        self._kept: dict[Place, bytes] = {}

    def next(self) -> Item:
        """The next sound."""
        sound, label = next(self._sounds)
        key = f"user-{self._draw.randrange(USERS)}".encode()
        value, headers = encode_raw(sound)
        if self._draw.random() < BROKEN_SHARE:
            kind, value = self._break(sound)
            return Item(self.topic, key, value, headers, broken=kind)
        if self._draw.random() < JSON_SHARE:
            value, headers = encode_json(sound)
        return Item(self.topic, key, value, headers, truth=(label, sound))

    def note(self, place: Place, item: Item) -> None:
        """Remember the label."""
        self._labels[place], sound = item.truth
        if len(self._kept) < KEPT_SOUNDS:
            self._kept[place] = sound

    def judge(self, accounts: Accounts) -> dict[str, Any]:
        """Accuracy of the model on every sound, of the baseline on those that were kept."""
        answers = {
            place: _prediction.decode(answer).label
            for place, answer in accounts["listen"].answers.items()
            if place in self._labels
        }
        kept = [place for place in self._kept if place in answers]
        guesses = NearestMean().predict([self._kept[place] for place in kept]) if kept else []
        right = sum(label == self._labels[place] for place, label in answers.items())
        guessed = sum(guess == self._labels[p] for guess, p in zip(guesses, kept, strict=True))
        return {
            "accuracy": {
                "model": share_of(right, len(answers)),
                "baseline": share_of(guessed, len(kept)),
                "baseline_is": "nearest mean spectrum",
                "records": len(answers),
            }
        }

    def _break(self, sound: bytes) -> tuple[str, bytes]:
        kinds = ["noise", "empty"]
        if not sound.startswith(b"OggS"):
            # Half an Ogg file is a shorter one.
            kinds.append("truncated")
        kind = self._draw.choice(kinds)
        if kind == "truncated":
            return kind, sound[: len(sound) // 2]
        return kind, self._draw.randbytes(300) if kind == "noise" else b""
