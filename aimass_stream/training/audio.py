"""The two ways to an audio model: the demo's sounds, and a folder of the user's recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForAudioClassification

from aimass_stream.adapters.extraction import Extraction
from aimass_stream.adapters.transformers_audio import AudioClassifier
from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.records import Limits
from aimass_stream.registry.card import Provenance
from aimass_stream.training.folders import Labelled, Labels, labelled_files, read, split_files
from aimass_stream.training.loop import Progress, Recipe, fit, repeatable
from aimass_stream.training.outcome import Made, Trained, find_trained, keep, take
from aimass_stream.training.sounds import LABELS, TRAIN_ROWS, sound_files

TASK = "audio-classification"
"""The task of every model made here."""
SOUNDS = "sounds-whisper"
"""The name the demo's model is published under."""
RATE_HZ = 16_000
"""The rate of every model made here."""
MAX_WINDOW_S = 30
"""What a model listens to at the most; of longer recordings, their beginning."""

RECORDINGS = Recipe(epochs=80, learning_rate=3e-3, augment=True)
"""What `fine_tune_audio_folder` does unless told otherwise: some hundred short recordings."""

_SOUNDS = Provenance(
    source="trained here on synthetic sounds, made from numbers",
    licence="Apache-2.0",
    limits=("It has heard no recording: its `speech` is synthetic too.",),
)
_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus")
_MELS = 64
_FRAMES_A_SECOND = 100
_MASKED_FRAMES = 12
_MASKED_MELS = 8
_BENT = 0.22
"""Natural logarithm of the most by which time and pitch are stretched."""
_SHIFTED = 0.24
"""Of half a window."""
_COLOUR = 0.075
"""Of a cosine over pitch, in the extractor's unit, 40 dB."""
_WAVES = 4
_PLACE = 0.3
"""What the sinusoids of places are scaled by."""
_RANGE = 2.0
"""From the loudest down to the extractor's floor, in its unit."""


def train_sounds(models_folder: Path, progress: Progress | None = None) -> Trained:
    """The demo's sound classifier; trained once per registry, then found there.

    It takes less than a minute on one core. The accuracy is that on sounds as they are
    streamed, none of which has the pitch or speed of one that was trained on.
    """
    known = find_trained(models_folder, SOUNDS)
    if known is not None:
        return known
    files, labels = take(sound_files("train", seed=1), TRAIN_ROWS)
    held_out = take(sound_files("stream"), 400)
    samples = [decode_audio(file, Limits(), RATE_HZ) for file in files]
    recipe = Recipe(epochs=20, batch_rows=32, learning_rate=4e-3, label_smoothing=0.05)
    targets = np.array([LABELS.index(label) for label in labels])
    with repeatable():
        torch.manual_seed(recipe.seed)
        model, extractor = small_whisper(LABELS, 1, width=64, layers=2)
        _train((model, extractor), samples, targets, recipe, progress)
    made = Made(TASK, AudioClassifier, model, extractor, TRAIN_ROWS, _SOUNDS)
    return keep(models_folder, SOUNDS, made, held_out)


def fine_tune_audio_folder(  # noqa: PLR0913 - a data set, its split, and where the model goes
    data_folder: Path,
    models_folder: Path,
    name: str,
    *,
    labels: Labels = "folder",
    train_files: Iterable[str] | None = None,
    fraction: float = 0.5,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a classifier on a folder of labelled WAV, FLAC and Ogg files and publish it.

    Everything is decoded once and held in memory. The model's window is as long as all but the
    longest twentieth of the recordings; the end of those is not heard.

    Args:
        data_folder: `<class>/<recording>`, or `<class>_<rest>` with `labels="prefix"`.
        models_folder: the registry.
        name: what the model is published under.
        labels: where the label of a file is.
        train_files: the files to train on, by their place in the folder; all others are held
            out.
        fraction: of each class, the share to train on, drawn with the recipe's seed, where
            `train_files` is not given.
        recipe: how to train; the default suits some hundred recordings of a word or so.
        progress: told after every epoch.

    Raises:
        ConfigError: the folder is not there or has fewer than two classes, a file cannot be read
            as audio, or the split leaves nothing to train on.
    """
    recipe = recipe or RECORDINGS
    files = labelled_files(data_folder, _SUFFIXES, noun="recordings", labels=labels)
    split = split_files(files, train_files, fraction, recipe.seed)
    samples = [_decode(file) for file in split.train]
    targets = np.array([split.classes.index(file.label) for file in split.train])
    with repeatable():
        torch.manual_seed(recipe.seed)
        model, extractor = small_whisper(split.classes, _window_s(samples), width=96, layers=3)
        _begin(model.encoder)
        _train((model, extractor), samples, targets, recipe, progress)
        parametrize.remove_parametrizations(model.encoder.conv1, "weight")
    told = Provenance(source=f"trained here on {len(samples):,} recordings of {data_folder.name}")
    made = Made(TASK, AudioClassifier, model, extractor, len(samples), told)
    return keep(models_folder, name, made, read(split.held_out))


def _decode(file: Labelled) -> Samples:
    try:
        return decode_audio(file.path.read_bytes(), Limits(), RATE_HZ)
    except RecordError as error:
        raise ConfigError(f"{file.path} cannot be trained on: {error.detail}") from error


def _train(
    made: tuple[Any, Any],
    samples: Sequence[Samples],
    targets: NDArray[np.int64],
    recipe: Recipe,
    progress: Progress | None,
) -> None:
    """Train a model on what its feature extractor makes of the samples."""
    model, extractor = made
    extract = Extraction(extractor, Path())
    inputs = torch.from_numpy(np.stack([extract(one) for one in samples]))

    def prepare(rows: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        return _augment(rows, draw) if recipe.augment else rows

    fit(model, extract.name, inputs, targets, recipe, prepare, progress)


class _Centred(nn.Module):
    """Kernels `(out, mels, width)` whose sum over pitch is nothing: a gain does not move them."""

    def forward(self, kernels: torch.Tensor) -> torch.Tensor:
        return kernels - kernels.mean(dim=1, keepdim=True)


def _begin(encoder: Any) -> None:
    """Weights to begin with, so that the encoder hears more of the sound than of its places.

    As the library draws them, the convolutions answer with far less than what is added for the
    place in time. The first one is held to kernels that no gain moves, until its
    parametrization is removed.
    """
    for convolution in (encoder.conv1, encoder.conv2):
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    with torch.no_grad():
        encoder.embed_positions.weight.mul_(_PLACE)
    parametrize.register_parametrization(encoder.conv1, "weight", _Centred())


def _window_s(samples: Sequence[Samples]) -> int:
    usual_s = float(np.percentile([len(one) for one in samples], 95)) / RATE_HZ
    return min(max(math.ceil(usual_s), 1), MAX_WINDOW_S)


def small_whisper(
    labels: Sequence[str], window_s: int, *, width: int, layers: int
) -> tuple[Any, Any]:
    """An untrained encoder of Whisper's kind and its feature extractor.

    Its convolutions begin with all mel bands of a few frames, which suits small data better than
    the patches of an AST.

    Args:
        labels: the classes.
        window_s: seconds it listens to, from the start; shorter audio is padded.
        width: of its hidden states; a multiple of 4.
        layers: of its encoder.
    """
    config = WhisperConfig(
        num_mel_bins=_MELS,
        max_source_positions=window_s * _FRAMES_A_SECOND // 2,
        d_model=width,
        encoder_layers=layers,
        encoder_attention_heads=4,
        encoder_ffn_dim=2 * width,
        classifier_proj_size=64,
        dropout=0.1,
        # There is no decoder in a classifier; what is said of it keeps the configuration small.
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=8,
        vocab_size=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        id2label=dict(enumerate(labels)),
        label2id={label: row for row, label in enumerate(labels)},
    )
    model = WhisperForAudioClassification(config)  # type: ignore[no-untyped-call]  # the library has no types
    extractor = WhisperFeatureExtractor(  # type: ignore[no-untyped-call]  # the library has no types
        feature_size=_MELS, chunk_length=window_s
    )
    return model, extractor


def _augment(features: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Each row as another voice might say it elsewhere, in part masked; `(rows, mels, frames)`."""
    rows, mels, frames = features.shape

    def up_to(most: int) -> torch.Tensor:
        return torch.randint(0, most + 1, (rows, 1), generator=draw)

    heard = _coloured(_bent(features, draw), draw)
    hidden = _span(torch.arange(frames), up_to(frames), up_to(_MASKED_FRAMES))[:, None, :]
    hidden = hidden | _span(torch.arange(mels), up_to(mels), up_to(_MASKED_MELS))[:, :, None]
    return torch.where(hidden, heard.mean(dim=(1, 2), keepdim=True), heard)


def _bent(features: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Slower or faster, earlier or later, and of a longer or shorter vocal tract."""
    rows, mels, frames = features.shape

    def between(least: float, most: float) -> torch.Tensor:
        return torch.empty(rows).uniform_(least, most, generator=draw)

    bend = torch.zeros(rows, 2, 3)
    bend[:, 0, 0] = between(-_BENT, _BENT).exp()
    # The first moment and the lowest pitch stay where they are, but for what is drawn here.
    bend[:, 0, 2] = bend[:, 0, 0] - 1 + between(-_SHIFTED, _SHIFTED)
    bend[:, 1, 1] = between(-_BENT, _BENT).exp()
    bend[:, 1, 2] = bend[:, 1, 1] - 1
    places = functional.affine_grid(bend, [rows, 1, mels, frames], align_corners=False)
    # What comes in from outside is as quiet as the quietest.
    quietest = features.amin(dim=(1, 2), keepdim=True)
    moved = functional.grid_sample((features - quietest)[:, None], places, align_corners=False)
    return moved[:, 0] + quietest


def _coloured(features: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """As through another microphone: a smooth gain over pitch, above the extractor's floor."""
    rows, mels, _ = features.shape
    waves = torch.arange(1, _WAVES + 1)
    shapes = (waves[:, None] * torch.linspace(0, math.pi, mels)).cos()
    gains = torch.randn(rows, _WAVES, generator=draw) * _COLOUR / waves.sqrt() @ shapes
    made = features + gains[:, :, None]
    return made.maximum(made.amax(dim=(1, 2), keepdim=True) - _RANGE)


def _span(places: torch.Tensor, start: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    return (places >= start) & (places < start + length)
