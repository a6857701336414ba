"""What a user may import, and what importing it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import aimass_stream

ROOT = Path(__file__).parents[1]

NAMES = [
    "Alert",
    "Alignment",
    "App",
    "Audio",
    "Behaviour",
    "Chain",
    "Choice",
    "Chunk",
    "Clip",
    "ClipData",
    "Cluster",
    "Depth",
    "Detection",
    "Detections",
    "Diffusers",
    "Drawing",
    "EmbeddedDetection",
    "EmbeddedDetections",
    "Embedding",
    "Ensemble",
    "Entities",
    "Estimate",
    "Example",
    "FaceCascade",
    "Feedback",
    "FeedbackRecord",
    "FinerDetection",
    "FinerDetections",
    "Generated",
    "GeneratedPart",
    "Graph",
    "Image",
    "Inline",
    "Keypoint",
    "Labels",
    "Learner",
    "Limits",
    "Mask",
    "Match",
    "Model",
    "Picture",
    "PosedDetection",
    "PosedDetections",
    "Prediction",
    "Prompt",
    "Proposal",
    "Quality",
    "Question",
    "Recommendation",
    "Record",
    "Region",
    "Segmentation",
    "Sklearn",
    "Span",
    "Speech",
    "Step",
    "Stream",
    "Surprise",
    "Text",
    "Topic",
    "Torch",
    "TrackedCluster",
    "Transcript",
    "Transformers",
    "Understanding",
    "Verdict",
    "VisualAnomaly",
    "Vote",
    "Word",
]

MODEL_LIBRARIES = {"torch", "transformers", "sklearn", "river"}
KAFKA_LIBRARIES = {"faust", "aiokafka", "mode"}
HELP = """
import sys
from aimass_stream.cli.main import main
sys.argv = ["aimass", *{arguments}, "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
REFERENCE_APPLICATION = """
from aimass_stream.cli.worker_process import load_app
app = load_app("agents")
app.discover()
assert "classify" in app.engine_agents, app.engine_agents
"""


def modules_after(program: str) -> set[str]:
    """The top-level modules of a fresh interpreter that has run a program."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint('MODULES', *sys.modules)"],
        cwd=ROOT,
        env={**os.environ, "AIMASS_BROKER": "kafka://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert ended.returncode == 0, ended.stderr
    _, found, names = ended.stdout.rpartition("MODULES")
    assert found
    return {name.partition(".")[0] for name in names.split()}


def test_public_names_are_exactly_these() -> None:
    assert aimass_stream.__all__ == NAMES
    assert sorted(aimass_stream.__all__) == aimass_stream.__all__
    assert sorted(aimass_stream._HOMES) == aimass_stream.__all__


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_imported_from_its_home(name: str) -> None:
    found = getattr(aimass_stream, name)
    assert found.__name__ == name
    assert found.__module__.startswith(aimass_stream._HOMES[name])


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Scorer'"):
        _ = aimass_stream.Scorer
    with pytest.raises(ImportError, match="cannot import name 'Scorer'"):
        exec("from aimass_stream import Scorer")  # noqa: S102 - mypy would refuse the statement


def test_the_package_alone_loads_nothing() -> None:
    loaded = modules_after("import aimass_stream")
    assert not loaded & (MODEL_LIBRARIES | KAFKA_LIBRARIES | {"numpy", "msgspec", "PIL"})


def test_declarations_load_neither_kafka_nor_a_model_library() -> None:
    loaded = modules_after("import models.image_classifier, topics.images")
    assert "aimass_stream" in loaded
    assert not loaded & (MODEL_LIBRARIES | KAFKA_LIBRARIES)


def test_a_worker_with_the_reference_application_loads_no_model_library() -> None:
    loaded = modules_after(REFERENCE_APPLICATION)
    assert loaded >= KAFKA_LIBRARIES
    assert not loaded & MODEL_LIBRARIES


def test_the_supervisor_loads_neither_faust_nor_a_model_library() -> None:
    loaded = modules_after("import aimass_stream.cli.worker")
    assert not loaded & (MODEL_LIBRARIES | KAFKA_LIBRARIES)


@pytest.mark.parametrize("arguments", [[], ["demo"], ["worker"]], ids=["aimass", "demo", "worker"])
def test_help_loads_neither_kafka_nor_a_model_library(arguments: list[str]) -> None:
    loaded = modules_after(HELP.format(arguments=arguments))
    assert "typer" in loaded
    assert not loaded & (MODEL_LIBRARIES | KAFKA_LIBRARIES | {"numpy"})
