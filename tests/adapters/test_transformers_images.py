"""Image classification: the library's own answers, alone or in a batch, or a clear refusal."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForImageClassification,
    BertConfig,
    BertForSequenceClassification,
    ConvNextImageProcessorPil,
    ResNetConfig,
    ResNetForImageClassification,
    ResNetModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_images import (
    ImageClassifier,
    Preparation,
    load_image_processor,
)
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec, Predictor
from aimass_stream.records import Limits, Prediction
from aimass_stream.registry.folder import resolve

LABELS = {0: "cat", 1: "dog", 2: "bird", 3: "fish"}
MODELS = ["resnet", "vit", "convnext processor"]


def resnet() -> ResNetForImageClassification:
    torch.manual_seed(1)
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=LABELS
    )
    model = ResNetForImageClassification(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.mul_(20)
    return model


def build(kind: str, folder: Path) -> Path:
    """A tiny model of random weights, as `save_pretrained` writes it."""
    if kind == "vit":
        torch.manual_seed(2)
        config = ViTConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=24,
            patch_size=8,
            id2label=LABELS,
        )
        ViTForImageClassification(config).save_pretrained(folder)
        ViTImageProcessorPil(size={"height": 24, "width": 24}).save_pretrained(folder)
    elif kind == "convnext processor":
        resnet().save_pretrained(folder)
        ConvNextImageProcessorPil(size={"shortest_edge": 32}).save_pretrained(folder)
    else:
        resnet().save_pretrained(folder)
        ViTImageProcessorPil(
            size={"height": 32, "width": 32}, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.4]
        ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("models")
    return {kind: build(kind, home / kind.split()[0]) for kind in MODELS}


def spec(folder: Path, limits: Limits | None = None, **options: Any) -> ModelSpec:
    return ModelSpec("m", "1", "", str(folder), options, limits=limits or Limits())


def picture(height: int, width: int, kind: str = "PNG", seed: int = 0) -> bytes:
    draw = np.random.default_rng(seed)
    small = draw.integers(0, 256, (4, 5, 3), np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


PICTURES = [
    picture(height, width, kind, seed)
    for seed, (height, width, kind) in enumerate(
        [(32, 32, "PNG"), (3, 40, "PNG"), (1, 1, "PNG"), (200, 80, "JPEG"), (50, 3, "JPEG")]
        + [(64, 64, "JPEG")] * 6
    )
]


def answer(classifier: ImageClassifier, payload: bytes) -> Prediction:
    (found,) = classifier.predict([classifier.decode(payload)])
    assert isinstance(found, Prediction)
    return found


def library_scores(folder: Path, payload: bytes) -> dict[str, float]:
    """What transformers answers, from a file, by its own documentation."""
    processor = load_image_processor(folder)
    model = AutoModelForImageClassification.from_pretrained(folder).eval()
    with Image.open(io.BytesIO(payload)) as image, torch.no_grad():
        inputs = processor(images=image.convert("RGB"), return_tensors="pt")
        scores = model(**inputs).logits.softmax(dim=1)[0].tolist()
    return dict(zip(LABELS.values(), scores, strict=True))


@pytest.mark.parametrize("kind", MODELS)
def test_answers_are_those_of_the_library(folders: dict[str, Path], kind: str) -> None:
    classifier = ImageClassifier(spec(folders[kind], top=4), "cpu")
    answers = classifier.predict([classifier.decode(payload) for payload in PICTURES])
    for payload, row in zip(PICTURES, answers, strict=True):
        expected = library_scores(folders[kind], payload)
        assert isinstance(row, Prediction)
        assert row.scores == pytest.approx(expected, abs=1e-4)
        assert list(row.scores.values()) == sorted(row.scores.values(), reverse=True)
        assert row.score == row.scores[row.label] == max(row.scores.values())


@pytest.mark.parametrize("kind", MODELS)
def test_alone_and_in_a_batch_answers_agree(folders: dict[str, Path], kind: str) -> None:
    classifier = ImageClassifier(spec(folders[kind], top=4), "cpu")
    inputs = [classifier.decode(payload) for payload in PICTURES * 3]
    together = classifier.predict(inputs)
    for one, row in zip(inputs, together, strict=True):
        (alone,) = classifier.predict([one])
        assert isinstance(alone, Prediction)
        assert isinstance(row, Prediction)
        assert list(alone.scores) == list(row.scores)
        assert alone.scores == pytest.approx(row.scores, abs=1e-4)
    assert classifier.predict(inputs) == together
    assert classifier.predict([]) == []


def test_it_is_a_predictor_and_its_inputs_are_small(folders: dict[str, Path]) -> None:
    classifier = ImageClassifier(spec(folders["resnet"]), "cpu")
    assert isinstance(classifier, Predictor)
    found = classifier.decode(memoryview(PICTURES[0]))
    assert found.dtype == np.uint8
    assert found.shape == (3, 32, 32)
    classifier.close()


def test_images_of_several_shapes_are_answered_in_order(tmp_path: Path) -> None:
    resnet().save_pretrained(tmp_path)
    ViTImageProcessorPil(do_resize=False).save_pretrained(tmp_path)
    classifier = ImageClassifier(spec(tmp_path, top=4), "cpu")
    inputs = [classifier.decode(payload) for payload in PICTURES[3:8]]
    assert len({one.shape for one in inputs}) == 3
    for row, payload in zip(classifier.predict(inputs), PICTURES[3:8], strict=True):
        assert isinstance(row, Prediction)
        assert row.scores == pytest.approx(answer(classifier, payload).scores, abs=1e-4)


def test_image_is_decoded_to_what_is_prepared_of_its_pixels(folders: dict[str, Path]) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    held = io.BytesIO()
    Image.open(io.BytesIO(PICTURES[0])).save(held, "JPEG", exif=turned)
    for name in MODELS:
        for scaled in (False, True):
            classifier = ImageClassifier(spec(folders[name], scaled_decode=scaled), "cpu")
            for payload in (*PICTURES, held.getvalue(), picture(900, 1200, "JPEG")):
                due = classifier.prepare(classifier.open(payload))
                np.testing.assert_array_equal(classifier.decode(payload), due)


def test_processor_that_cannot_be_split_is_left_whole() -> None:
    class Odd(ViTImageProcessorPil):
        def normalize(self, *args: Any, **kwargs: Any) -> Any:
            return super().normalize(*args, **kwargs) ** 2

    processor = Odd(size={"height": 8, "width": 8})
    preparation = Preparation(processor, Limits())
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    whole = processor(image, return_tensors="np")["pixel_values"][0]
    scale, shift = preparation.affine
    np.testing.assert_array_equal(preparation(image), whole)
    assert (scale == 1).all()
    assert (shift == 0).all()


@pytest.mark.parametrize(("top", "expected"), [(1, 1), (3, 3), (4, 4), (50, 4)])
def test_top_bounds_the_scores(folders: dict[str, Path], top: int, expected: int) -> None:
    classifier = ImageClassifier(spec(folders["resnet"], top=top), "cpu")
    assert len(answer(classifier, PICTURES[0]).scores) == expected


def test_threads_decode_as_one_does(folders: dict[str, Path]) -> None:
    classifier = ImageClassifier(spec(folders["convnext processor"]), "cpu")
    alone = [classifier.decode(payload) for payload in PICTURES]
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: [classifier.decode(one) for one in PICTURES], range(8)):
            for one, other in zip(alone, found, strict=True):
                np.testing.assert_array_equal(one, other)


def test_scaled_decoding_is_quick_and_nearly_the_same(folders: dict[str, Path]) -> None:
    payload = picture(900, 1200, "JPEG")
    whole = ImageClassifier(spec(folders["resnet"], top=4), "cpu")
    scaled = ImageClassifier(spec(folders["resnet"], top=4, scaled_decode=True), "cpu")
    expected = answer(whole, payload).scores
    assert answer(scaled, payload).scores == pytest.approx(expected, abs=0.05)


def test_bad_image_is_refused_by_decode(folders: dict[str, Path]) -> None:
    classifier = ImageClassifier(spec(folders["resnet"], Limits(image_pixels=10_000)), "cpu")
    for payload, reason in (
        (b"", Reason.EMPTY),
        (b"GIF89a", Reason.TYPE_MISMATCH),
        (PICTURES[0][:-20], Reason.UNDECODABLE),
        (picture(200, 200), Reason.TOO_LARGE),
    ):
        with pytest.raises(RecordError) as caught:
            classifier.decode(payload)
        assert caught.value.reason is reason


def test_thin_image_is_not_enlarged_beyond_the_limit(folders: dict[str, Path]) -> None:
    classifier = ImageClassifier(
        spec(folders["convnext processor"], Limits(image_pixels=1_000_000)), "cpu"
    )
    with pytest.raises(RecordError) as caught:
        classifier.decode(picture(1, 60_000))
    assert caught.value.reason is Reason.TOO_LARGE
    assert classifier.decode(picture(1, 600)).shape == (3, 32, 32)


def test_scores_that_are_not_finite_are_no_answer(folders: dict[str, Path]) -> None:
    classifier = ImageClassifier(spec(folders["resnet"]), "cpu")
    good, bad = (classifier.decode(PICTURES[0]).astype(np.float32) for _ in range(2))
    bad[0, 0, 0] = np.nan
    first, second, third = classifier.predict([good, bad, good])
    assert isinstance(second, RecordError)
    assert second.reason is Reason.INVALID_OUTPUT
    assert first == third
    assert isinstance(first, Prediction)


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    layers = load_file(folder / "model.safetensors")
    change(layers)
    save_file(layers, folder / "model.safetensors", {"format": "pt"})


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    kept = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def pickle_weights(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def bring_code(folder: Path) -> None:
    change_config(folder, model_type=None, auto_map={"AutoConfig": "code.Config"})
    (folder / "code.py").write_text("raise SystemExit('executed')")


NAN = torch.full((4,), float("nan"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda folder: (folder / "model.safetensors").unlink(),
            "model.safetensors",
            id="no weights",
        ),
        pytest.param(pickle_weights, "model.safetensors", id="pickled weights"),
        pytest.param(
            lambda folder: os.truncate(folder / "model.safetensors", 9000),
            "cannot be loaded",
            id="damaged weights",
        ),
        pytest.param(
            lambda folder: change_weights(folder, lambda all_: all_.pop("classifier.1.weight")),
            "no trained weights for classifier.1.weight",
            id="missing layer",
        ),
        pytest.param(
            lambda folder: change_weights(
                folder, lambda all_: all_.update({"classifier.1.weight": torch.zeros(7, 16)})
            ),
            "classifier.1.weight|mismatch",
            id="layer of another shape",
        ),
        pytest.param(
            lambda folder: change_weights(
                folder, lambda all_: all_.update({"classifier.1.bias": NAN})
            ),
            "finite",
            id="not finite",
        ),
        pytest.param(
            lambda folder: (folder / "preprocessor_config.json").unlink(),
            "preprocessor_config.json",
            id="no processor",
        ),
        pytest.param(
            lambda folder: (folder / "config.json").unlink(), "config.json", id="no config"
        ),
        pytest.param(
            lambda folder: change_config(folder, id2label=dict.fromkeys("0123", "cat")),
            "label twice",
            id="labels twice",
        ),
        pytest.param(bring_code, "cannot be loaded", id="code of its own"),
    ],
)
def test_unusable_folder_is_refused_with_what_to_do(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    build("resnet", tmp_path)
    spoil(tmp_path)
    with pytest.raises(SetupError, match=words) as caught:
        ImageClassifier(spec(tmp_path), "cpu")
    assert str(tmp_path) in str(caught.value)


def test_model_of_another_task_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone, text = tmp_path / "backbone", tmp_path / "text"
    ResNetModel(resnet().config).save_pretrained(backbone)  # type: ignore[no-untyped-call]
    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9
    )
    BertForSequenceClassification(config).save_pretrained(text)  # type: ignore[no-untyped-call]
    for folder in (backbone, text):
        ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
        with pytest.raises(SetupError, match="image classifier"):
            ImageClassifier(spec(folder), "cpu")


def test_declaration_is_resolved_and_loaded(folders: dict[str, Path]) -> None:
    declared = Transformers("image-classification", str(folders["resnet"]), latency_ms=20, top=2)
    assert (declared.location, declared.latency_ms) == (str(folders["resnet"]), 20)
    assert declared.answer_type is Prediction
    found = resolve(declared, Path("/nowhere"))
    classifier = ImageClassifier(found, "cpu")
    assert len(answer(classifier, PICTURES[0]).scores) == 2


def test_wrong_declaration_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigError, match=r"Known tasks: .*image-classification"):
        Transformers("image-classificaton", "models://x")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="top=0"):
        Transformers("image-classification", "models://x", top=0)


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_declaration_imports_no_model_library() -> None:
    found = run(
        "import sys, aimass_stream.adapters.transformers\n"
        "print(sorted({'torch', 'transformers', 'PIL', 'numpy'} & set(sys.modules)))"
    )
    assert "torch" not in found
    assert "transformers" not in found
    assert "PIL" not in found


@pytest.mark.slow
def test_torchvision_is_not_needed(folders: dict[str, Path]) -> None:
    payload = folders["resnet"].parent / "picture.png"
    payload.write_bytes(PICTURES[0])
    found = run(
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "hidden = lambda name: name.partition('.')[0] in {'torchvision', 'timm'}\n"
        "importlib.util.find_spec = lambda name, *at: None if hidden(name) else find(name, *at)\n"
        "sys.modules['torchvision'] = sys.modules['timm'] = None\n"
        "import torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from aimass_stream.adapters.transformers_images import ImageClassifier\n"
        "from aimass_stream.model import ModelSpec\n"
        "for folder in sys.argv[2:]:\n"
        "    one = ImageClassifier(ModelSpec('m', '1', '', folder, {'top': 4}), 'cpu')\n"
        "    print(one.predict([one.decode(Path(sys.argv[1]).read_bytes())])[0].label)\n",
        str(payload),
        *(str(folders[kind]) for kind in MODELS),
    )
    expected = [library_scores(folders[kind], PICTURES[0]) for kind in MODELS]
    assert found.split() == [max(scores, key=scores.__getitem__) for scores in expected]
