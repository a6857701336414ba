"""Models that write down what is said, beside the library's own loops, and vectors of theirs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import torch
from transformers import (
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    GenerationConfig,
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Transcript, Word
from tests.zoo.case import Case
from tests.zoo.library import model_of, words_of
from tests.zoo.sounds import (
    RATE_HZ,
    RECORDINGS,
    case,
    embed,
    encoder,
    extractor_of,
    features,
    heard,
    noisy,
)
from tests.zoo.words import tokenizer
from tests.zoo.writers import open_ended

LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefgh"]
WINDOW_S = 2
TIMES = 102
"""A token that says that no times follow, and one for each 0.02 s of the tiny Whisper's window."""

LONG = [noisy(5.3, 4), noisy(2.4, 5)]


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


def recogniser(folder: str) -> Transformers[Transcript]:
    return Transformers("automatic-speech-recognition", folder, max_new_tokens=10)


HEARING = "automatic-speech-recognition"
CASES = [
    case("audio-embedding-wav2vec2", "A1", partial(build_wav2vec2, "layer"), encoder, embed),
    case("audio-embedding-whisper", "A1", build_whisper, encoder, embed),
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
]
