"""Two actions that differ in nothing but their direction are told apart, in any batch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessorPil

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.model import Predictor
from aimass_stream.records import Prediction
from aimass_stream.registry.folder import resolve
from tests.codecs.clip_files import animated

FRAMES, EDGE = 8, 16
LABELS = {0: "left", 1: "right"}


def bar(start: int, *, to_right: bool, seed: int) -> list[np.ndarray]:
    """A bar that goes once around, on a noisy ground."""
    draw = np.random.default_rng(seed)
    frames = []
    for frame in range(FRAMES):
        picture = draw.integers(0, 60, (EDGE, EDGE, 3), np.uint8)
        at = (start + (2 if to_right else -2) * frame) % EDGE
        picture[:, [at, (at + 1) % EDGE]] = 230
        frames.append(picture)
    return frames


def every_start(noise: int) -> torch.Tensor:
    """Both actions from each start, `(clips, frames, 3, height, width)`, -1 to 1."""
    clips = np.stack(
        [
            bar(start, to_right=way, seed=1000 * noise + start)
            for start in range(EDGE)
            for way in (False, True)
        ]
    )
    return torch.from_numpy(clips.astype(np.float32) / 127.5 - 1).permute(0, 1, 4, 2, 3)


def trained(folder: Path) -> None:
    """Trained until it tells them apart; the same frames backwards are the other action."""
    torch.manual_seed(0)
    model: Any = VideoMAEForVideoClassification(  # type: ignore[no-untyped-call]  # no types
        VideoMAEConfig(
            image_size=EDGE,
            patch_size=8,
            num_frames=FRAMES,
            tubelet_size=2,
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=96,
            id2label=LABELS,
        )
    )
    processor = VideoMAEImageProcessorPil(
        size={"shortest_edge": EDGE},
        crop_size={"height": EDGE, "width": EDGE},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    targets = torch.tensor([0, 1] * EDGE)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    for step in range(200):
        optimiser.zero_grad()
        loss = model(pixel_values=every_start(step), labels=targets).loss
        loss.backward()
        optimiser.step()
        if loss < 0.02:
            break
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(300)
def test_actions_that_differ_in_direction_are_told_apart(tmp_path: Path) -> None:
    trained(tmp_path)
    spec = resolve(Transformers("video-classification", str(tmp_path)), tmp_path)
    module, _, name = spec.adapter.partition(":")
    predictor: Predictor = getattr(import_module(module), name)(spec, "cpu")
    payloads, expected = [], []
    for seed in range(300_100, 300_110):
        frames = bar(seed % EDGE, to_right=bool(seed % 2), seed=seed)
        # The same frames in the other order: only a model that sees the order can tell.
        payloads += [animated(frames, "WEBP"), animated(frames[::-1], "WEBP")]
        expected += [LABELS[seed % 2], LABELS[1 - seed % 2]]
    inputs = [predictor.decode(payload) for payload in payloads]
    together = [found for found in predictor.predict(inputs) if isinstance(found, Prediction)]
    assert [answer.label for answer in together] == expected
    for one, answer in zip(inputs, together, strict=True):
        (alone,) = predictor.predict([one])
        assert isinstance(alone, Prediction)
        assert alone.score == pytest.approx(answer.score, abs=1e-4)
