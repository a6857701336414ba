"""Training: quick, honest about what was held out, kept once made, and never online."""

import io
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_images import ImageClassifier
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.records import Prediction
from aimass_stream.registry.folder import find, resolve
from aimass_stream.training import digits
from aimass_stream.training.digits import LABELS, NearestMean, decode_digits, digit_images
from aimass_stream.training.images import fine_tune_folder, train_digits
from aimass_stream.training.loop import Recipe
from aimass_stream.training.outcome import Trained


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trained(models_folder: Path) -> Trained:
    """What `python -m aimass_stream.training`, which the demo runs, has trained."""
    return train_digits(models_folder)


def test_splits_have_no_digit_in_common() -> None:
    train, stream = digits._split("train")[0], digits._split("stream")[0]
    assert (len(train), len(stream)) == (1197, 600)
    assert not {one.tobytes() for one in train} & {one.tobytes() for one in stream}


def test_every_label_is_in_both_splits() -> None:
    for split in ("train", "stream"):
        assert len(set(digits._split(split)[1].tolist())) == len(LABELS)


def test_same_arguments_give_the_same_files() -> None:
    first = list(islice(digit_images("stream", seed=3), 700))
    assert first == list(islice(digit_images("stream", seed=3), 700))
    assert first != list(islice(digit_images("stream", seed=4), 700))
    kinds = {payload[:4] for payload, _ in first}
    assert kinds == {b"\x89PNG", b"\xff\xd8\xff\xe0"}
    assert len({payload for payload, _ in first}) == 700


def test_nearest_mean_is_a_baseline_to_beat() -> None:
    files, labels = zip(*islice(digit_images("stream"), 300), strict=True)
    found = NearestMean().predict(list(files))
    right = sum(one == other for one, other in zip(found, labels, strict=True)) / 300
    assert 0.4 < right < 0.9


@pytest.mark.timeout(240)
def test_digits_are_learnt_and_published(trained: Trained, models_folder: Path) -> None:
    assert (trained.name, trained.version) == ("digits-resnet", "1")
    assert (trained.train_rows, trained.held_out_rows) == (1197, 600)
    assert trained.accuracy >= 0.96
    manifest = find(models_folder, "digits-resnet")
    assert manifest is not None
    assert manifest.labels == list(LABELS)
    assert manifest.metrics["accuracy"] == trained.accuracy
    card = manifest.card
    assert card is not None
    assert card.source.startswith("trained here")
    assert (card.licence, card.architecture) == ("Apache-2.0", "ResNetForImageClassification")
    assert card.parameters > 10_000
    cost = card.cost
    assert cost is not None
    assert (cost.records, cost.device) == (600, "cpu")
    assert cost.ms_per_record > 0


def test_digits_are_trained_once(trained: Trained, models_folder: Path) -> None:
    assert train_digits(models_folder, lambda _, text: pytest.fail(text)) == trained


def test_digits_model_beats_the_baseline_as_it_is_served(
    trained: Trained, models_folder: Path
) -> None:
    declared = Transformers("image-classification", f"models://{trained.name}")
    classifier = ImageClassifier(resolve(declared, models_folder), "cpu")
    for noise, least in ((0.0, 0.97), (digits.NOISE, 0.95)):
        files, labels = zip(*islice(digit_images("stream", noise=noise, seed=5), 600), strict=True)
        found = labels_of(classifier, files)
        right = sum(one == other for one, other in zip(found, labels, strict=True)) / 600
        assert right >= least


def labels_of(classifier: ImageClassifier, files: Sequence[bytes]) -> list[str]:
    answers = classifier.predict([classifier.decode(file) for file in files])
    return [answer.label for answer in answers if isinstance(answer, Prediction)]


def write_folder(folder: Path, rows: int) -> Path:
    """Red and blue pictures, each with a spot; two classes that any model can tell apart."""
    draw = np.random.default_rng(0)
    for name, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (folder / name).mkdir(parents=True)
        for row in range(rows):
            picture = np.full((20, 24, 3), colour, np.uint8)
            picture[draw.integers(0, 20), draw.integers(0, 24)] = 255
            kind = "png" if row % 2 else "jpg"
            Image.fromarray(picture).save(folder / name / f"{row}.{kind}")
    return folder


QUICK = Recipe(epochs=3, batch_rows=8, augment=True, mixing=0.4)


def test_folder_is_learnt_and_measured_on_the_rest(tmp_path: Path) -> None:
    seen: list[float] = []
    found = fine_tune_folder(
        write_folder(tmp_path / "data", 16),
        tmp_path / "models",
        "colours",
        fraction=0.75,
        recipe=QUICK,
        progress=lambda share, _: seen.append(share),
    )
    assert (found.train_rows, found.held_out_rows) == (24, 8)
    assert found.accuracy == 1.0
    assert seen == pytest.approx([1 / 3, 2 / 3, 1])
    declared = Transformers("image-classification", "models://colours")
    classifier = ImageClassifier(resolve(declared, tmp_path / "models"), "cpu")
    file = io.BytesIO()
    Image.new("RGB", (50, 40), (190, 40, 20)).save(file, "PNG")
    assert labels_of(classifier, [file.getvalue()]) == ["red"]


def test_training_is_repeatable_and_leaves_the_callers_random_state(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 6)
    before = torch.get_rng_state()
    for _ in range(2):
        fine_tune_folder(data, tmp_path / "models", "twice", recipe=QUICK)
    assert torch.equal(before, torch.get_rng_state())
    first = tmp_path / "models" / "twice" / "1" / "model.safetensors"
    second = tmp_path / "models" / "twice" / "2" / "model.safetensors"
    assert first.read_bytes() == second.read_bytes()


def test_files_to_train_on_can_be_named_and_a_model_gone_on_from(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 4)
    named = ["red/0.jpg", "red/1.png", "blue/0.jpg", "blue/1.png"]
    first = fine_tune_folder(
        data, tmp_path / "models", "first", train_files=named, recipe=Recipe(epochs=1)
    )
    assert (first.train_rows, first.held_out_rows) == (4, 4)
    start = tmp_path / "models" / "first" / "1"
    second = fine_tune_folder(
        data, tmp_path / "models", "second", fraction=1.0, start=start, recipe=Recipe(epochs=1)
    )
    assert (second.train_rows, second.held_out_rows) == (8, 0)
    assert math.isnan(second.accuracy)


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"There is no folder {tmp_path / 'photos'}"):
        fine_tune_folder(tmp_path / "photos", tmp_path / "models", "m")
    models = tmp_path / "models"
    (tmp_path / "one" / "red").mkdir(parents=True)
    with pytest.raises(ConfigError, match="two classes"):
        fine_tune_folder(tmp_path / "one", models, "m")
    data = write_folder(tmp_path / "data", 2)
    with pytest.raises(ConfigError, match="not there"):
        fine_tune_folder(data, models, "m", train_files=["red/99.jpg"])
    with pytest.raises(ConfigError, match="no file to train on"):
        fine_tune_folder(data, models, "m", fraction=0.0)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(SetupError, match="gone on from"):
        fine_tune_folder(data, models, "m", start=tmp_path / "empty")
    (data / "red" / "0.jpg").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"red/0\.jpg"):
        fine_tune_folder(data, models, "m", fraction=1.0)
    assert not models.exists()


def test_pictures_are_small_and_in_colour() -> None:
    files = [payload for payload, _ in islice(digit_images("train"), 20)]
    pictures = decode_digits(files)
    assert pictures.shape == (20, 32, 32, 3)
    assert pictures.dtype == np.uint8
    assert (pictures.std(axis=3) > 0).any()
