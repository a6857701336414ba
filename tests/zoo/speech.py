"""Models that speak a text, beside the library's own voices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForTextToSpectrogram,
    AutoModelForTextToWaveform,
    SpeechT5Config,
    SpeechT5ForTextToSpeech,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

from aimass_stream.adapters.storing import store, wav_of
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import Reason
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import Speech, Text
from aimass_stream.records.told import split_told, write_told
from tests.zoo.case import Case
from tests.zoo.library import model_of, words_of
from tests.zoo.words import tokenizer


def build_vits(folder: Path) -> None:
    # Imported where it is used, since its module warns of what it will have to change.
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    letters = ["_", *"abcdefghijklmnopqrstuvwxyz '"]
    config = VitsConfig(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        window_size=2,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=9,
        upsample_initial_channel=16,
        upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3, 5]],
        prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        duration_predictor_num_flows=1,
        duration_predictor_filter_channels=16,
        depth_separable_num_layers=1,
    )
    VitsModel(config).save_pretrained(folder)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
    VitsTokenizer(str(vocabulary), phonemize=False, is_uroman=False).save_pretrained(folder)


def seed_of(payload: bytes) -> int:
    return int.from_bytes(payload[:SEED_BYTES], "little") >> 1


def read_line(payload: bytes) -> tuple[dict[str, Any], str]:
    """How a text is to be spoken, and the text."""
    manner, text = split_told(payload[SEED_BYTES:])
    return manner, str(text, "utf-8")


def spoken(samples: torch.Tensor, rate_hz: int) -> Speech:
    made = samples.numpy()
    claim = store().put(wav_of(made, rate_hz), "audio/wav")
    return Speech(claim, rate_hz, len(made) / rate_hz)


def speak(folder: Path, payload: bytes) -> Speech:
    model, words = model_of(AutoModelForTextToWaveform, folder), words_of(folder)
    _, text = read_line(payload)
    inputs = words(text, return_tensors="pt")
    torch.manual_seed(seed_of(payload))
    with torch.no_grad():
        return spoken(model(**inputs).waveform[0], model.config.sampling_rate)


def build_fastspeech2(folder: Path) -> None:
    from transformers import (
        FastSpeech2ConformerConfig,
        FastSpeech2ConformerHifiGanConfig,
        FastSpeech2ConformerWithHifiGan,
        FastSpeech2ConformerWithHifiGanConfig,
    )

    words = tokenizer()
    small = {"layers": 1, "linear_units": 16, "num_attention_heads": 2, "kernel_size": 3}
    layers = FastSpeech2ConformerConfig().encoder_config | small
    config = FastSpeech2ConformerConfig(
        hidden_size=16,
        vocab_size=len(words),
        num_mel_bins=8,
        encoder_config=layers,
        decoder_config=layers,
        duration_predictor_layers=1,
        duration_predictor_channels=8,
        pitch_predictor_layers=1,
        pitch_predictor_channels=8,
        energy_predictor_layers=1,
        energy_predictor_channels=8,
        speech_decoder_postnet_layers=2,
        speech_decoder_postnet_units=8,
        num_speakers=3,
        speaker_embed_dim=None,
    )
    sound = FastSpeech2ConformerHifiGanConfig(
        model_in_dim=8,
        upsample_initial_channel=16,
        upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3, 5]],
    )
    both = FastSpeech2ConformerWithHifiGanConfig(
        model_config=config.to_dict(), vocoder_config=sound.to_dict()
    )
    model = FastSpeech2ConformerWithHifiGan(both)
    with torch.no_grad():
        # Untrained, it gives nothing any time.
        model.model.duration_predictor.linear.bias.fill_(2.0)
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def speak_at_once(folder: Path, payload: bytes) -> Speech:
    model, words = model_of(AutoModelForTextToWaveform, folder), words_of(folder)
    manner, text = read_line(payload)
    ids = words(text, return_tensors="pt")["input_ids"]
    model.model.config.speaking_speed = 2.0 if manner.get("style") == "slow" else 1.0
    with torch.no_grad():
        made = model(input_ids=ids, speaker_ids=torch.tensor([int(manner.get("speaker", 2))]))
    return spoken(made.waveform[0], 22_050)


def build_speecht5(folder: Path) -> None:
    words = tokenizer()
    config = SpeechT5Config(
        vocab_size=len(words),
        hidden_size=16,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_layers=1,
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        num_mel_bins=8,
        speech_decoder_prenet_units=16,
        speech_decoder_postnet_units=16,
        speech_decoder_postnet_layers=2,
        speaker_embedding_dim=4,
        pad_token_id=words.pad_token_id,
    )
    SpeechT5ForTextToSpeech(config).save_pretrained(folder)
    words.save_pretrained(folder)
    sound = SpeechT5HifiGanConfig(
        model_in_dim=8,
        upsample_initial_channel=16,
        upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3, 5]],
    )
    SpeechT5HifiGan(sound).save_pretrained(folder / "vocoder")
    save_file({"speakers": torch.randn(2, 4)}, folder / "speakers.safetensors")


def speak_with(folder: Path, payload: bytes) -> Speech:
    model, words = model_of(AutoModelForTextToSpectrogram, folder), words_of(folder)
    vocoder = model_of(SpeechT5HifiGan, folder / "vocoder")
    _, text = read_line(payload)
    ids = words(text, return_tensors="pt")["input_ids"]
    person = load_file(folder / "speakers.safetensors")["speakers"][1:2]
    torch.manual_seed(seed_of(payload))
    ratio = min(20.0, (1.0 * 16_000 / 64 + 2) / ids.shape[1])
    with torch.no_grad():
        made = model.generate_speech(ids, person, vocoder=vocoder, maxlenratio=ratio)
    return spoken(made, 16_000)


def speaker(folder: str) -> Transformers[Speech]:
    return Transformers("text-to-speech", folder)


def third_speaker(folder: str) -> Transformers[Speech]:
    return Transformers("text-to-speech", folder, speaker=2, styles={"slow": {"speed": 0.5}})


def second_speaker(folder: str) -> Transformers[Speech]:
    return Transformers("text-to-speech", folder, speaker=1, max_seconds=1.0)


LINES = [b"hello there", b"where is my parcel", b"thank you"]
TOLD = [
    b"where is my parcel",
    b'{"text": "where is my parcel", "speaker": 0}',
    b'{"text": "where is my parcel", "speaker": 0, "style": "slow"}',
]
BROKEN = (bytes(SEED_BYTES) + write_told({}) + b"\xff", Reason.UNDECODABLE)
CASES = [
    Case("text-to-speech-vits", ("A3",), build_vits, speaker, LINES, speak, BROKEN, Text),
    Case(
        "text-to-speech-fastspeech2",
        ("A3",),
        build_fastspeech2,
        third_speaker,
        TOLD,
        speak_at_once,
        (bytes(SEED_BYTES) + write_told({"style": "loud"}) + b"hello", Reason.BAD_ENVELOPE),
        Text,
    ),
    Case(
        "text-to-speech-speecht5",
        ("A3",),
        build_speecht5,
        second_speaker,
        LINES,
        speak_with,
        BROKEN,
        Text,
    ),
]
