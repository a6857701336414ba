"""What is drawn comes from the seed alone, whatever other threads draw meanwhile."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from aimass_stream.adapters.draws import Draws
from aimass_stream.adapters.transformers_synthesis import Speaker
from aimass_stream.model import SEED_BYTES
from aimass_stream.records.told import write_told
from aimass_stream.registry.folder import resolve
from tests.zoo.same import same
from tests.zoo.speech import build_vits, speaker


def draw() -> list[torch.Tensor]:
    turned = torch.zeros(2, 3, 5).transpose(1, 2)
    return [
        torch.randn(4, 3),
        torch.empty(2, 20).normal_(1.0, 2.0),
        turned.clone().uniform_(-1, 1),
        torch.empty(9).exponential_(),
        torch.empty(9, dtype=torch.int64).random_(0, 7),
        torch.randint(0, 9, (5,)),
        torch.randperm(6),
        torch.normal(0.0, torch.ones(4)),
        torch.poisson(torch.full((4,), 3.0)),
        torch.randn_like(turned),
        torch.rand(2),
        torch.rand_like(turned[..., 1:]),
        torch.bernoulli(torch.zeros(9), p=0.5),
        torch.multinomial(torch.ones(6), 2),
        # Here a function draws in place inside another.
        torch.nn.functional.gumbel_softmax(torch.zeros(2, 5)),
        torch.nn.init.trunc_normal_(torch.empty(4, 4)),
    ]


def elsewhere() -> None:
    """Draw on another thread, as a model does that is loaded."""
    thread = Thread(target=torch.randn, args=(7,))
    thread.start()
    thread.join()


def test_draws_are_those_of_the_seed_and_the_process_keeps_its_own() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        due = draw()
        torch.manual_seed(6)
        before = torch.get_rng_state()
        with torch.inference_mode(), Draws(5):
            found = draw()
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one, other) for one, other in zip(found, due, strict=True))


def test_a_generator_of_the_model_s_own_is_left_to_it() -> None:
    due = torch.empty(3).normal_(generator=torch.Generator().manual_seed(9))
    with Draws(5):
        found = torch.empty(3).normal_(generator=torch.Generator().manual_seed(9))
    assert torch.equal(found, due)


@pytest.mark.filterwarnings("ignore")
def test_speech_does_not_depend_on_models_that_are_loaded_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "voice"
    folder.mkdir()
    torch.manual_seed(7)
    build_vits(folder)
    voice = Speaker(resolve(speaker(str(folder)), tmp_path), "cpu")
    lines = [
        voice.decode(bytes([n] * SEED_BYTES) + write_told({}) + b"where is my parcel")
        for n in range(4)
    ]
    alone = voice.predict(lines)
    speaker_of: Any = voice._voice
    model: Any = speaker_of._model
    model.text_encoder.register_forward_hook(lambda *_: elsewhere())
    beside = voice.predict(lines)
    assert all(same(one, other, 0.0) for one, other in zip(alone, beside, strict=True))
    assert not same(alone[0], alone[1], 0.0)
