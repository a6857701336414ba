"""Models that hear and speak."""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    AutoModelForTextToSpectrogram,
    AutoModelForTextToWaveform,
    GenerationConfig,
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    SpeechT5Config,
    SpeechT5ForTextToSpeech,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from aimass_stream.adapters.storing import store, wav_of
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.errors import Reason
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import Audio, Limits, Prediction, Speech, Text, Transcript, Word
from aimass_stream.records.told import split_told, write_told
from tests.codecs.audio_files import encoded, tone
from tests.zoo.case import Case
from tests.zoo.library import model_of, words_of
from tests.zoo.words import tokenizer
from tests.zoo.writers import open_ended

LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefgh"]
SOUNDS = {0: "tone", 1: "speech", 2: "knock"}
RATE_HZ = 16_000
WINDOW_S = 2
TIMES = 102
"""A token that says that no times follow, and one for each 0.02 s of the tiny Whisper's window."""


def noisy(seconds: float, seed: int) -> bytes:
    draw = np.random.default_rng(seed)
    samples = tone(seconds, hz=150 * (seed + 1))
    return encoded((samples + draw.normal(0, 0.1, len(samples))).astype(np.float32))


LONG = [noisy(5.3, 4), noisy(2.4, 5)]
RECORDINGS = [noisy(0.6, 0), noisy(0.6, 1), noisy(0.9, 2), noisy(0.35, 3)]


def heard(payload: bytes) -> Samples:
    return decode_audio(payload, Limits(), RATE_HZ)


@cache
def extractor_of(folder: Path) -> Any:
    return AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)


def features(folder: Path, payload: bytes) -> Any:
    return extractor_of(folder)(heard(payload), sampling_rate=RATE_HZ, return_tensors="pt")


def build_ast(folder: Path) -> None:
    config = ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=64,
        num_mel_bins=32,
        frequency_stride=16,
        time_stride=16,
        id2label=SOUNDS,
        initializer_range=0.5,
    )
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=64, num_mel_bins=32).save_pretrained(folder)


def classify(folder: Path, payload: bytes) -> Prediction:
    model = model_of(AutoModelForAudioClassification, folder)
    with torch.no_grad():
        scores = model(**features(folder, payload)).logits.softmax(1)[0].tolist()
    pairs = sorted(zip(SOUNDS.values(), scores, strict=True), key=lambda pair: -pair[1])
    return Prediction(*pairs[0], dict(pairs))


def build_wav2vec2(norm: str, folder: Path) -> None:
    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(16, 16, 16),
        conv_kernel=(10, 8, 4),
        conv_stride=(5, 8, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        vocab_size=len(LETTERS),
        pad_token_id=0,
    )
    model = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(40)
        # The library's own times are off where these stand between letters.
        model.lm_head.bias[1:4] = -1000.0
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer").save_pretrained(folder)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({letter: at for at, letter in enumerate(LETTERS)}))
    Wav2Vec2CTCTokenizer(str(vocabulary)).save_pretrained(folder)


def spell(folder: Path, payload: bytes) -> Transcript:
    """Best letters, and the library's own places of words."""
    model, words = model_of(AutoModelForCTC, folder), words_of(folder)
    samples = heard(payload)
    with torch.no_grad():
        best = model(**features(folder, payload)).logits[0].argmax(dim=1)
    found = words.decode(best, output_word_offsets=True, skip_special_tokens=True)
    seconds = len(samples) / RATE_HZ
    step = seconds / len(best)
    said = [
        Word(word["word"], float(word["start_offset"] * step), float(word["end_offset"] * step))
        for word in found["word_offsets"]
        if word["word"]
    ]
    return Transcript(found["text"].strip(), said, seconds)


def save_spelling(folder: Path) -> list[str]:
    """A tokenizer whose words begin with a mark; its tokens, the last of which is the blank."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "<pad>", *(f"\u2581{one}" for one in "abcdefgh"), *"abcdefgh", "<blank>"]
    backend = Tokenizer(models.WordLevel({one: at for at, one in enumerate(pieces)}, "<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    special = {"unk_token": "<unk>", "pad_token": "<pad>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **special).save_pretrained(folder)
    return pieces


def build_parakeet(folder: Path) -> None:
    from transformers import (
        ParakeetEncoderConfig,
        ParakeetFeatureExtractor,
        ParakeetForRNNT,
        ParakeetRNNTConfig,
    )

    ParakeetFeatureExtractor(feature_size=80).save_pretrained(folder)
    pieces = save_spelling(folder)
    encoder = ParakeetEncoderConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        subsampling_conv_channels=8,
        initializer_range=0.3,
        convolution_bias=False,
    )
    config = ParakeetRNNTConfig(
        vocab_size=len(pieces),
        decoder_hidden_size=16,
        num_decoder_layers=1,
        max_symbols_per_step=2,
        encoder_config=encoder.to_dict(),
        pad_token_id=1,
        blank_token_id=len(pieces) - 1,
    )
    model = ParakeetForRNNT(config)
    with torch.no_grad():
        model.joint.head.weight.mul_(6)
        model.joint.head.bias[-1] = 2.0
    model.save_pretrained(folder)


def transduce(folder: Path, payload: bytes) -> Transcript:
    from transformers import AutoModelForRNNT

    model, words = model_of(AutoModelForRNNT, folder), words_of(folder)
    model.generation_config.decoder_start_token_id = model.config.blank_token_id
    inputs = features(folder, payload)
    mask = inputs["attention_mask"].sum(-1)
    frames = int(model.encoder._get_subsampling_output_length(mask)[0])
    found = model.generate(**inputs, max_new_tokens=2 * frames + 1, return_dict_in_generate=True)
    places = (found.durations.cumsum(dim=1) - found.durations)[0].tolist()
    skipped = {model.config.blank_token_id, model.config.pad_token_id}
    kept = [
        (token, at)
        for token, at in zip(found.sequences[0].tolist(), places, strict=False)
        if token not in skipped and at < frames
    ]
    seconds = len(heard(payload)) / RATE_HZ
    step = seconds / frames
    said: list[Word] = []
    for token, at in kept:
        piece = words.convert_ids_to_tokens(token)
        if not said or piece.startswith("\u2581"):
            said.append(Word(piece.lstrip("\u2581"), at * step, (at + 1) * step))
        else:
            said[-1] = Word(said[-1].text + piece, said[-1].start_s, (at + 1) * step)
    text = words.decode([token for token, _ in kept], skip_special_tokens=True).strip()
    return Transcript(text, said, seconds)


def build_whisper(folder: Path, *, tells_times: bool = False) -> None:
    words = open_ended()
    special = {
        "bos_token_id": words.cls_token_id,
        "eos_token_id": words.sep_token_id,
        "pad_token_id": words.pad_token_id,
        "decoder_start_token_id": words.cls_token_id,
    }
    config = WhisperConfig(
        vocab_size=len(words) + TIMES,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_source_positions=100,
        max_target_positions=40,
        init_std=0.3,
        begin_suppress_tokens=None,
        suppress_tokens=None,
        **special,
    )
    model = WhisperForConditionalGeneration(config)
    if tells_times:
        model.generation_config = GenerationConfig(**special, no_timestamps_token_id=len(words))
    model.save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=WINDOW_S).save_pretrained(folder)
    words.save_pretrained(folder)


def write_phrases(folder: Path, payload: bytes) -> Transcript:
    """The library's own long form, which takes features of any length."""
    model, words = model_of(AutoModelForSpeechSeq2Seq, folder), words_of(folder)
    samples = heard(payload)
    seconds = len(samples) / RATE_HZ
    how = {} if seconds <= WINDOW_S else {"truncation": False, "padding": "longest"}
    inputs = extractor_of(folder)(samples, sampling_rate=RATE_HZ, return_tensors="pt", **how)
    found = model.generate(
        inputs["input_features"],
        do_sample=False,
        max_new_tokens=10,
        return_timestamps=True,
        return_segments=True,
    )
    said: list[Word] = []
    tokens: list[int] = []
    for segment in found["segments"][0]:
        kept = [token for token in segment["tokens"].tolist() if token < len(words)]
        tokens += kept
        text = words.decode(kept, skip_special_tokens=True).strip()
        times = [min(seconds, float(segment[name])) for name in ("start", "end")]
        said += [Word(text, *times)] if text else []
    assert seconds <= WINDOW_S or said[-1].start_s > WINDOW_S
    assert said == sorted(said, key=lambda one: one.start_s)
    return Transcript(words.decode(tokens, skip_special_tokens=True).strip(), said, seconds)


def build_moonshine(folder: Path) -> None:
    words = tokenizer()
    config = MoonshineConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=32,
        encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        bos_token_id=words.cls_token_id,
        eos_token_id=words.sep_token_id,
        pad_token_id=words.pad_token_id,
        decoder_start_token_id=words.cls_token_id,
        initializer_range=0.3,
    )
    MoonshineForConditionalGeneration(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    words.save_pretrained(folder)


def write_down(folder: Path, payload: bytes) -> Transcript:
    model, words = model_of(AutoModelForSpeechSeq2Seq, folder), words_of(folder)
    inputs = features(folder, payload)
    given = {name: inputs[name] for name in ("input_features", "input_values") if name in inputs}
    found = model.generate(**given, do_sample=False, max_new_tokens=10)
    text = words.batch_decode(found, skip_special_tokens=True)[0].strip()
    return Transcript(text, [], len(heard(payload)) / RATE_HZ)


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


def recogniser(folder: str) -> Transformers[Transcript]:
    return Transformers("automatic-speech-recognition", folder, max_new_tokens=10)


def speaker(folder: str) -> Transformers[Speech]:
    return Transformers("text-to-speech", folder)


def third_speaker(folder: str) -> Transformers[Speech]:
    return Transformers("text-to-speech", folder, speaker=2, styles={"slow": {"speed": 0.5}})


def second_speaker(folder: str) -> Transformers[Speech]:
    return Transformers("text-to-speech", folder, speaker=1, max_seconds=1.0)


def listener(folder: str) -> Transformers[Prediction]:
    return Transformers("audio-classification", folder)


def case(name: str, row: str, build: Any, declare: Any, library: Any, needs: str = "") -> Case:
    bad = (RECORDINGS[0][:40], Reason.UNDECODABLE)
    return Case(name, (row,), build, declare, RECORDINGS, library, bad, Audio, needs)


LINES = [b"hello there", b"where is my parcel", b"thank you"]
TOLD = [
    b"where is my parcel",
    b'{"text": "where is my parcel", "speaker": 0}',
    b'{"text": "where is my parcel", "speaker": 0, "style": "slow"}',
]
BROKEN = (bytes(SEED_BYTES) + write_told({}) + b"\xff", Reason.UNDECODABLE)
HEARING = "automatic-speech-recognition"
CASES = [
    case("audio-classification-ast", "A1", build_ast, listener, classify),
    case(f"{HEARING}-wav2vec2", "A2", partial(build_wav2vec2, "layer"), recogniser, spell),
    case(f"{HEARING}-wav2vec2-group", "A2", partial(build_wav2vec2, "group"), recogniser, spell),
    case(f"{HEARING}-parakeet-rnnt", "A2", build_parakeet, recogniser, transduce, "librosa"),
    case(f"{HEARING}-whisper", "A2", build_whisper, recogniser, write_down),
    Case(
        f"{HEARING}-whisper-phrases",
        ("A2",),
        partial(build_whisper, tells_times=True),
        recogniser,
        [*RECORDINGS, *LONG],
        write_phrases,
        (RECORDINGS[0][:40], Reason.UNDECODABLE),
        Audio,
    ),
    case(f"{HEARING}-moonshine", "A2", build_moonshine, recogniser, write_down),
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
