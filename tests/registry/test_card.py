"""Cards: read off the files, completed by people, and never by running anything."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from safetensors.numpy import save_file
from sklearn.tree import DecisionTreeClassifier

from aimass_stream.adapters.estimator_files import read_estimator, write_estimator
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.registry.adding import add_folder
from aimass_stream.registry.card import Card, Cost, Provenance
from aimass_stream.registry.configuration import Configuration, licence_of, read_configuration
from aimass_stream.registry.description import check_loadable, describe, describe_leniently
from aimass_stream.registry.folder import publish, resolve
from aimass_stream.registry.manifest import read_manifest
from aimass_stream.registry.recognition import recognise
from aimass_stream.registry.weights import count_values
from tests.registry.model_folders import write_json, write_model

COST = Cost(ms_per_record=0.5, records=10, batch_rows=4, device="cpu", threads=1, machine="x86_64")
RESNET = "ResNetForImageClassification"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = write_model(tmp_path / "resnet", RESNET, id2label={"1": "dog", "0": "cat"})
    write_json(made / "preprocessor_config.json", {"size": {"height": 32, "width": 48}})
    return made


def add(
    registry: Path, folder: Path, task: str = "", *, source: str = "", licence: str = ""
) -> Card:
    told = Provenance(source=source, licence=licence)
    manifest = add_folder(registry, "pets", folder, task=task, told=told)
    assert manifest.card is not None
    return manifest.card


def test_a_card_has_what_the_files_tell_and_what_people_tell(tmp_path: Path, folder: Path) -> None:
    told = Provenance(source="a page", licence="MIT", limits=("Cats only.",), cost=COST)
    manifest = add_folder(tmp_path / "models", "pets", folder, task="", told=told)
    assert (manifest.task, manifest.labels) == ("image-classification", ["cat", "dog"])
    assert manifest.card == Card(
        source="a page",
        licence="MIT",
        limits=("Images are resized to 48 x 32 pixels.", "Cats only."),
        cost=COST,
        modality="image",
        takes="Image",
        answers="Prediction",
        library="transformers",
        architecture=RESNET,
        values={"F16": 3, "F32": 4},
    )
    assert manifest.card.parameters == 7
    assert read_manifest(tmp_path / "models" / "pets" / "1") == manifest


def test_a_manifest_from_before_there_were_cards_is_read_and_described(
    tmp_path: Path, folder: Path
) -> None:
    publish(tmp_path, "pets", folder, task="image-classification")
    path = tmp_path / "pets" / "1" / "manifest.json"
    older = orjson.loads(path.read_bytes())
    del older["card"]
    path.write_bytes(orjson.dumps(older))
    manifest = read_manifest(path.parent)
    assert manifest.card is None
    card = describe_leniently(path.parent, manifest.task)
    assert (card.architecture, card.parameters, card.source) == (RESNET, 7, "")


def test_what_cannot_be_read_leaves_an_old_card_empty(tmp_path: Path, folder: Path) -> None:
    (folder / "config.json").write_text("[")
    card = describe_leniently(folder, "image-classification")
    assert (card.takes, card.architecture, card.values) == ("Image", "", {})


def test_a_version_of_another_registry_brings_its_card(tmp_path: Path, folder: Path) -> None:
    told = Provenance(source="a page", licence="MIT", limits=("Cats only.",), cost=COST)
    add_folder(tmp_path / "a", "pets", folder, task="", told=told)
    moved = add(tmp_path / "b", tmp_path / "a" / "pets" / "1", source="the first registry")
    assert (moved.source, moved.licence, moved.cost) == ("the first registry", "MIT", COST)
    assert moved.limits == ("Images are resized to 48 x 32 pixels.", "Cats only.")


def test_a_readme_tells_the_licence_unless_somebody_does(tmp_path: Path, folder: Path) -> None:
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# Pets\n")
    assert add(tmp_path / "models", folder).licence == "apache-2.0"
    assert add(tmp_path / "models", folder, licence="MIT").licence == "MIT"
    (folder / "README.md").write_text("# Pets\n\nlicense: apache-2.0\n")
    assert licence_of(folder) == ""


@pytest.mark.parametrize(
    ("task", "takes", "answers", "modality"),
    [
        ("question-answering", "Question", "Span", "text"),
        ("text-to-speech", "Text", "Speech", "audio"),
        ("instance-segmentation", "Image", "Detections", "image"),
        ("keypoint-detection", "Image", "PosedDetections", "image"),
        ("video-classification", "Clip", "Prediction", "video"),
        ("automatic-speech-recognition", "Audio", "Transcript", "audio"),
        ("a task of an adapter elsewhere", "", "", ""),
    ],
)
def test_a_task_says_what_goes_in_and_what_comes_out(
    folder: Path, task: str, takes: str, answers: str, modality: str
) -> None:
    card = describe(folder, task, Provenance())
    assert (card.takes, card.answers, card.modality) == (takes, answers, modality)


@pytest.mark.parametrize(
    ("architecture", "config", "task"),
    [
        (RESNET, {}, "image-classification"),
        ("Owlv2ForObjectDetection", {}, "zero-shot-object-detection"),
        ("DetrForObjectDetection", {}, "object-detection"),
        ("BertForSequenceClassification", {}, "text-classification"),
        ("BertForSequenceClassification", {"id2label": {"0": "x"}}, "text-regression"),
        (
            "BertForSequenceClassification",
            {"problem_type": "multi_label_classification"},
            "multi-label-classification",
        ),
        ("BertModel", {}, "sentence-embedding"),
        ("GPT2LMHeadModel", {}, "text-generation"),
        ("VideoMAEForVideoClassification", {}, "video-classification"),
        ("MarianMTModel", {}, "translation"),
        ("FastSpeech2ConformerWithHifiGan", {}, "text-to-speech"),
    ],
)
def test_a_task_is_told_from_the_architecture(
    tmp_path: Path, architecture: str, config: dict[str, object], task: str
) -> None:
    folder = write_model(tmp_path / "m", architecture, **config)
    write_json(folder / "tokenizer.json", {})
    assert recognise(folder, read_configuration(folder)) == task


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("Wav2Vec2ForSequenceClassification", "audio-classification"),
        ("WhisperForConditionalGeneration", "automatic-speech-recognition"),
        ("Wav2Vec2Model", ""),
    ],
)
def test_what_takes_audio_is_known_by_its_sampling_rate(
    tmp_path: Path, architecture: str, task: str
) -> None:
    folder = write_model(tmp_path / "m", architecture)
    nested = {"feature_extractor": {"sampling_rate": 16000, "chunk_length": 30}}
    write_json(folder / "processor_config.json", nested)
    about = read_configuration(folder)
    assert recognise(folder, about) == task
    assert about.limits == (
        "Audio is resampled to 16,000 Hz.",
        "It hears 30 s of a recording at the most.",
    )


def test_a_whisper_that_tells_times_hears_one_window_after_the_other(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "WhisperForConditionalGeneration")
    write_json(folder / "preprocessor_config.json", {"sampling_rate": 16000, "chunk_length": 30})
    write_json(folder / "generation_config.json", {"no_timestamps_token_id": 50363})
    assert read_configuration(folder).limits[1] == "It hears 30 s of a recording at a time."


def test_what_stands_for_another_says_so(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "FastSpeech2ConformerWithHifiGan")
    (limit,) = read_configuration(folder).limits
    assert "Tacotron 2" in limit


TABLES = {
    "image-classification": "IMAGE_CLASSIFICATION",
    "object-detection": "OBJECT_DETECTION",
    "zero-shot-object-detection": "ZERO_SHOT_OBJECT_DETECTION",
    "image-segmentation": "SEMANTIC_SEGMENTATION",
    "depth-estimation": "DEPTH_ESTIMATION",
    "image-to-image": "IMAGE_TO_IMAGE",
    "token-classification": "TOKEN_CLASSIFICATION",
    "question-answering": "QUESTION_ANSWERING",
    "text-generation": "CAUSAL_LM",
    "text-classification": "SEQUENCE_CLASSIFICATION",
}


def library_tables() -> dict[str, list[Any]]:
    """The classes of transformers by what they are for, read rather than imported."""
    spec = importlib.util.find_spec("transformers")
    assert spec is not None
    assert spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0], "models/auto/modeling_auto.py").read_text()
    return {
        node.targets[0].id: [named for _, named in ast.literal_eval(node.value.args[0])]
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.removesuffix("_MAPPING_NAMES").removeprefix("MODEL_FOR_")
        in TABLES.values()
        and isinstance(node.value, ast.Call)
    }


def test_no_class_of_the_library_is_taken_for_another_task(tmp_path: Path) -> None:
    tables = library_tables()
    tasks: dict[str, set[str]] = {}
    for task, table in TABLES.items():
        for named in tables[f"MODEL_FOR_{table}_MAPPING_NAMES"]:
            for name in (named,) if isinstance(named, str) else named:
                tasks.setdefault(name, set()).add(task)
    found = {
        name: recognise(tmp_path, Configuration(library="transformers", architecture=name))
        for name in tasks
    }
    assert {name: task for name, task in found.items() if task and task not in tasks[name]} == {}
    assert sum(bool(task) for task in found.values()) > 0.9 * len(found) > 300


def test_networks_of_timm_and_of_ones_own_are_known(tmp_path: Path) -> None:
    timm = write_model(tmp_path / "timm", "")
    write_json(timm / "config.json", {"architecture": "resnet18", "label_names": ["cat", "dog"]})
    about = read_configuration(timm)
    assert (about.library, about.architecture, about.labels) == ("timm", "resnet18", ("cat", "dog"))
    assert recognise(timm, about) == "image-classification"
    shape = {"width": 28, "height": 28}
    write_json(
        timm / "architecture.json",
        {"library": "layers", "labels": ["a", "b"], "layers": [], "input": shape},
    )
    own = read_configuration(timm)
    assert (own.library, own.architecture, own.labels) == ("layers", "chain of layers", ("a", "b"))
    assert own.limits == ("Images are resized to 28 x 28 pixels.",)
    write_json(timm / "architecture.json", {"library": "yolox", "labels": ["a", "b"]})
    yolox = read_configuration(timm)
    assert (yolox.library, yolox.architecture) == ("yolox", "YOLOX")
    assert recognise(timm, yolox) == "object-detection"
    write_json(timm / "architecture.json", {"library": "torchaudio", "architecture": "tacotron2"})
    assert recognise(timm, read_configuration(timm)) == "text-to-speech"


@pytest.mark.parametrize(
    ("name", "task", "takes"),
    [
        ("StableDiffusionXLPipeline", "text-to-image", "Text"),
        ("StableDiffusionInpaintPipeline", "inpainting", "Image"),
    ],
)
def test_a_pipeline_of_diffusers_is_known(tmp_path: Path, name: str, task: str, takes: str) -> None:
    write_json(tmp_path / "model_index.json", {"_class_name": name})
    (tmp_path / "unet").mkdir()
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "unet" / "model.safetensors")
    assert check_loadable(tmp_path) == (task, ())
    card = describe(tmp_path, task, Provenance())
    assert (card.library, card.architecture, card.takes) == ("diffusers", name, takes)
    assert (card.answers, card.values) == ("Drawing", {"F32": 3})


def test_a_task_that_stays_open_must_be_told(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "t5", "T5ForConditionalGeneration")
    with pytest.raises(SetupError, match=r"neither a tokenizer nor an image.*save_pretrained"):
        add(tmp_path / "models", folder)
    write_json(folder / "tokenizer.json", {})
    with pytest.raises(ConfigError, match=r"T5For.*several things.*--task.*summarization"):
        add(tmp_path / "models", folder)
    with pytest.raises(ConfigError, match=r"no task 'sumarise'.*summarization"):
        add(tmp_path / "models", folder, "sumarise")
    assert add(tmp_path / "models", folder, "summarization").answers == "Generated"


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("BertForSequenceClassification", r"no tokenizer, .*tokenizer\.save_pretrained"),
        (RESNET, r"no image processor, which image-c.* processor\.save_pretrained"),
        ("Wav2Vec2ForSequenceClassification", r"no feature extractor.* processor\.save_pretr"),
        ("WhisperForConditionalGeneration", "no tokenizer, which automatic-speech-recognition"),
    ],
)
def test_a_network_without_what_makes_its_inputs_is_refused(
    tmp_path: Path, architecture: str, words: str
) -> None:
    folder = write_model(tmp_path / "alone", architecture)
    with pytest.raises(SetupError, match=words):
        add(tmp_path / "models", folder)
    write_json(folder / "vocab.json", {})
    write_json(folder / "preprocessor_config.json", {"sampling_rate": 16000})
    assert add(tmp_path / "models", folder).architecture == architecture


def test_a_tokenizer_that_reads_bytes_needs_no_vocabulary(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "canine", "CanineForSequenceClassification")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CanineTokenizer"})
    assert add(tmp_path / "models", folder).modality == "text"


def test_what_fit_wrote_is_added_for_its_task(tmp_path: Path) -> None:
    rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    fitted = DecisionTreeClassifier(random_state=0).fit(rows, ["stays", "stays", "goes", "goes"])
    folder = tmp_path / "churn"
    folder.mkdir()
    write_estimator(folder, fitted, rows, (), {})
    with pytest.raises(ConfigError, match="which is for classification, not for regression"):
        add(tmp_path / "models", folder, "regression")
    with pytest.raises(ConfigError, match=r"no task 'object-detection' for Deci.* regression\."):
        add(tmp_path / "models", folder, "object-detection")
    told = Provenance()
    manifest = add_folder(tmp_path / "models", "churn", folder, task="", told=told)
    assert (manifest.task, manifest.labels) == ("classification", ["goes", "stays"])
    assert manifest.card is not None
    assert manifest.card.library == "scikit-learn"
    spec = resolve(Sklearn("classification", "models://churn"), tmp_path / "models")
    assert read_estimator(Path(spec.folder))[0].task == manifest.task


def test_weights_are_counted_by_type_and_once(tmp_path: Path) -> None:
    save_file({"a": np.zeros((2, 3), np.float32)}, tmp_path / "model-1.safetensors")
    save_file({"b": np.zeros((5,), np.int8)}, tmp_path / "model-2.safetensors")
    save_file({"a": np.zeros((2, 3), np.float32)}, tmp_path / "model.safetensors")
    assert count_values(tmp_path) == {"F32": 6, "I8": 5}


def test_weights_that_end_early_are_refused(tmp_path: Path, folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SetupError, match=r"has \d+ bytes where its header says \d+"):
        add(tmp_path / "models", folder)
    assert not (tmp_path / "models").exists()


def test_an_index_must_not_name_what_is_missing(tmp_path: Path, folder: Path) -> None:
    shards = {"weight_map": {"w": "model.safetensors", "v": "model-2.safetensors"}}
    write_json(folder / "model.safetensors.index.json", shards)
    with pytest.raises(SetupError, match=r"not there: model-2.safetensors"):
        add(tmp_path / "models", folder)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", {"architectures": ["X"], "auto_map": {"AutoModel": "code.X"}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["code.T", None]}}),
        ("processor_config.json", {"image_processor": {"auto_map": {"AutoImageProcessor": "c.P"}}}),
        ("config.json", {"architectures": ["X"], "custom_pipelines": {"p": {"impl": "c.P"}}}),
    ],
)
def test_a_configuration_that_asks_for_code_is_refused(
    tmp_path: Path, folder: Path, file: str, content: dict[str, object]
) -> None:
    write_json(folder / file, content)
    with pytest.raises(SetupError, match=f"{file} asks for code to be run"):
        add(tmp_path / "models", folder, "image-classification")


def test_a_folder_that_nothing_could_load_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="no model folder"):
        add(tmp_path / "models", tmp_path / "nowhere")
    (folder / "config.json").rename(folder / "other.json")
    with pytest.raises(SetupError, match=r"neither config.json.*nor architecture.json"):
        add(tmp_path / "models", folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(SetupError, match="no weights"):
        add(tmp_path / "models", folder)


def test_code_is_found_however_deep_it_lies(tmp_path: Path, folder: Path) -> None:
    depth = 900
    text = '{"a":' * depth + '{"auto_map": {"AutoModel": "x.Y"}}' + "}" * depth
    (folder / "deep_config.json").write_text(text)
    with pytest.raises(SetupError, match="auto_map"):
        publish(tmp_path / "models", "deep", folder, task="image-classification", labels=[])


def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path, folder: Path) -> None:
    (folder / "config.json").write_text("[1]")
    with pytest.raises(SetupError, match="holds no JSON object"):
        add(tmp_path / "models", folder)


def test_reading_a_card_imports_no_model_library() -> None:
    program = "import sys, aimass_stream.cli.cards.errands; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "aimass_stream.registry.description" in modules
    assert not {"torch", "transformers", "safetensors", "faust", "aiokafka"} & set(modules)
