"""Voices of torchaudio: Tacotron 2 with HiFi-GAN, and with WaveRNN."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from aimass_stream.adapters.torch import Torch
from aimass_stream.errors import Reason
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import Speech, Text
from aimass_stream.records.told import write_told
from tests.zoo.case import Case
from tests.zoo.library import model_of
from tests.zoo.speech import read_line, seed_of, spoken

SYMBOLS = list("_-!'(),.:;? abcdefghijklmnopqrstuvwxyz")
MELS = 8
TACOTRON: dict[str, Any] = {
    "n_mels": MELS,
    "symbol_embedding_dim": 16,
    "encoder_embedding_dim": 16,
    "decoder_rnn_dim": 16,
    "attention_rnn_dim": 16,
    "attention_hidden_dim": 8,
    "attention_location_n_filter": 4,
    "attention_location_kernel_size": 3,
    "prenet_dim": 8,
    "postnet_embedding_dim": 16,
    "gate_threshold": 0.6,
}
WAVERNN: dict[str, Any] = {
    "upsample_scales": [2, 4],
    "hop_length": 8,
    "n_classes": 64,
    "n_res_block": 1,
    "n_rnn": 16,
    "n_fc": 16,
    "n_freq": MELS,
    "n_hidden": 8,
    "n_output": 8,
}
WAVERNN_RATE_HZ = 8_000
Sound = Callable[[torch.Tensor], Speech]
LINES = [b"Hello there!", b"a longer line, which is spoken in small letters", b"yes", b"123 ok"]


def write(folder: Path, name: str, network: Any, arguments: dict[str, Any], **more: Any) -> None:
    described = {"library": "torchaudio", "architecture": name, "arguments": arguments, **more}
    (folder / "architecture.json").write_text(json.dumps(described))
    save_file(network.state_dict(), folder / "model.safetensors")


def tacotron() -> Any:
    from torchaudio.models import Tacotron2

    return Tacotron2(**TACOTRON, n_symbol=len(SYMBOLS))


def build_tacotron(folder: Path) -> None:
    network = tacotron()
    with torch.no_grad():
        # Untrained, its gate says nothing of an end; so it ends early, and not at once.
        network.decoder.gate_layer.weight.mul_(4)
        network.decoder.gate_layer.bias.fill_(0.2)
    write(folder, "tacotron2", network, TACOTRON, symbols=SYMBOLS)


def build_with_hifigan(folder: Path) -> None:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    build_tacotron(folder)
    config = SpeechT5HifiGanConfig(
        model_in_dim=MELS,
        sampling_rate=22_050,
        upsample_initial_channel=16,
        upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3, 5]],
        normalize_before=False,
    )
    SpeechT5HifiGan(config).save_pretrained(folder / "vocoder")


def wavernn() -> Any:
    from torchaudio.models import WaveRNN

    return WaveRNN(**WAVERNN)


def build_with_wavernn(folder: Path) -> None:
    build_tacotron(folder)
    (folder / "vocoder").mkdir()
    write(folder / "vocoder", "wavernn", wavernn(), WAVERNN, rate_hz=WAVERNN_RATE_HZ)


def loaded(network: Any, folder: Path) -> Any:
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return network.eval()


def hifigan(folder: Path) -> Sound:
    from transformers import SpeechT5HifiGan

    vocoder = model_of(SpeechT5HifiGan, folder)
    return lambda mel: spoken(vocoder(mel.transpose(1, 2))[0], vocoder.config.sampling_rate)


def pipeline(folder: Path) -> Sound:
    from torchaudio.pipelines._tts.impl import _WaveRNNVocoder

    vocoder = _WaveRNNVocoder(loaded(wavernn(), folder))
    return lambda mel: spoken(vocoder(mel)[0][0], WAVERNN_RATE_HZ)


def speak(vocoder: Callable[[Path], Sound], folder: Path, payload: bytes) -> Speech:
    """As torchaudio's pipelines do it."""
    _, text = read_line(payload)
    ids = [SYMBOLS.index(letter) for letter in text.lower() if letter in SYMBOLS]
    # Networks that are made draw their first weights.
    network, sound = loaded(tacotron(), folder), vocoder(folder / "vocoder")
    torch.manual_seed(seed_of(payload))
    with torch.no_grad():
        mel, _, _ = network.infer(torch.tensor([ids]))
        return sound(mel)


def speaker(folder: str) -> Torch[Speech]:
    return Torch("text-to-speech", folder)


def case(name: str, build: Callable[[Path], None], vocoder: Any) -> Case:
    return Case(
        f"text-to-speech-{name}",
        ("A3",),
        build,
        speaker,
        LINES,
        partial(speak, vocoder),
        (bytes(SEED_BYTES) + write_told({}) + "数字".encode(), Reason.UNDECODABLE),
        Text,
        needs="torchaudio",
    )


CASES = [
    case("tacotron2-hifigan", build_with_hifigan, hifigan),
    case("tacotron2-wavernn", build_with_wavernn, pipeline),
]
