import json
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from aimass_stream.adapters.tasks import TASKS
from aimass_stream.adapters.torch import Torch
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.cli.app_report import AgentReport, AppReport, ModelReport
from aimass_stream.cli.cards.catalogue import read_entries
from aimass_stream.cli.checks.broker import check_broker, check_topics
from aimass_stream.cli.checks.finding import Finding, Status
from aimass_stream.cli.checks.machine import (
    check_device,
    check_device_named,
    check_disk,
    check_packages,
    check_python,
)
from aimass_stream.cli.checks.models import check_models
from aimass_stream.cli.checks.settings import check_settings, redact
from aimass_stream.cli.doctor import examine
from aimass_stream.config import Settings
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.kafka.survey import Survey, TopicState, release_of
from aimass_stream.model import Model
from aimass_stream.registry.folder import publish, resolve
from tests.cli.commands import aimass
from tests.registry.model_folders import prepare, write_json, write_model

AGENTS = """\
from aimass_stream import App, Image, Inline, Topic

app = App("{app}", origin="agents")
images = Topic("{app}.images", Image)


@app.agent(images, to=Topic("{app}.answers", bytes))
async def classify(stream):
    async for image in stream:
        yield b"x"


print("noise that is no report")
"""


def make_app(folder: Path, app: str) -> None:
    (folder / "agents").mkdir()
    (folder / "agents/__init__.py").write_text(AGENTS.format(app=app))


def by_check(findings: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in findings}


class TestMachine:
    def test_this_environment_fits(self) -> None:
        assert check_python().status is Status.OK
        assert check_device().status is Status.OK

    def test_a_package_that_does_not_fit_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stated = ["numpy>=99", "no-such-package", "orjson>=3", "absent; extra == 'dev'"]
        monkeypatch.setattr(metadata, "requires", lambda _: stated)
        versions = {"aimass-stream": "0.1.0"}
        real = metadata.version
        monkeypatch.setattr(metadata, "version", lambda name: versions.get(name) or real(name))
        finding = check_packages()
        assert finding.status is Status.FAIL
        assert finding.text == "2 of 3 packages do not fit"
        assert finding.details[0].endswith("is not >=99")
        assert finding.details[1] == "no-such-package is missing"

    def test_a_cuda_device_is_seen(self, tmp_path: Path) -> None:
        (tmp_path / "nvidia0").touch()
        (tmp_path / "nvidiactl").touch()
        assert "1 CUDA device(s)" in check_device(tmp_path).text
        check_device_named("cuda:0", tmp_path)

    def test_a_worker_is_refused_a_device_that_is_not_there(self, tmp_path: Path) -> None:
        check_device_named("cpu", tmp_path)
        with pytest.raises(ConfigError, match="No CUDA device is on this machine"):
            check_device_named("cuda:0", tmp_path)

    def test_a_state_folder_that_is_a_file_fails(self, tmp_path: Path) -> None:
        (tmp_path / "state").touch()
        assert check_disk(tmp_path / "state").status is Status.FAIL
        assert check_disk(tmp_path / "new").status is Status.OK


class TestSettings:
    def test_each_value_names_its_source(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "aimass.toml").write_text("partitions = 2\nweb_port = 7000\n")
        monkeypatch.setenv("AIMASS_WEB_PORT", "7001")
        monkeypatch.setenv("AIMASS_BROKR", "x")
        conf, finding = check_settings()
        assert conf is not None
        assert finding.status is Status.WARN
        assert finding.text == "AIMASS_BROKR is no setting; is it AIMASS_BROKER?"
        assert "partitions = 2  (aimass.toml)" in finding.details
        assert "web_port = 7001  (AIMASS_WEB_PORT)" in finding.details
        assert "models = .aimass/models  (default)" in finding.details
        assert f"snapshots = {tmp_path / '.aimass' / 'snapshots'}  (default)" in finding.details
        assert not [line for line in finding.details if "_bytes = none" in line]

    def test_a_wrong_value_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AIMASS_PARTITIONS", "0")
        conf, finding = check_settings()
        assert conf is None
        assert finding.status is Status.FAIL
        assert "partitions" in finding.details[0]

    @pytest.mark.parametrize("text", ["kafka://me:pw@host:9092", "['me:pw@host:9092']"])
    def test_passwords_are_not_shown(self, text: str) -> None:
        assert "pw" not in redact(text)
        assert "host:9092" in redact(text)


class TestBroker:
    def test_one_that_does_not_answer_fails_in_time(self) -> None:
        started = time.monotonic()
        seen, finding = check_broker(Settings(broker="kafka://127.0.0.1:9"))
        assert seen is None
        assert finding.status is Status.FAIL
        assert "127.0.0.1:9" in finding.text
        assert time.monotonic() - started < 3

    def test_too_few_brokers_for_the_replication(self, broker_url: str) -> None:
        _, finding = check_broker(Settings(broker=broker_url, replication=3))
        assert finding.status is Status.WARN
        assert finding.fix == "export AIMASS_REPLICATION=1"

    def test_none_yet_but_startable(self, broker_url: str, tmp_path: Path) -> None:
        del broker_url  # its jars are there
        seen, finding = check_broker(Settings(broker=None, state=tmp_path))
        assert seen is None
        assert finding.status is Status.OK

    @pytest.mark.parametrize(
        ("versions", "release"),
        [
            ({1: (4, 18), 60: (0, 2), 80: (0, 0), 90: (0, 0)}, "4.1"),
            ({1: (4, 17), 60: (0, 2), 80: (0, 0)}, "4.0"),
            ({1: (0, 17), 60: (0, 2), 75: (0, 0)}, "3.8"),
            ({1: (0, 11)}, ""),
        ],
    )
    def test_the_release_is_told_from_what_it_serves(
        self, versions: dict[int, tuple[int, int]], release: str
    ) -> None:
        assert release_of(versions) == release

    def test_topics_that_do_not_fit_are_told(self) -> None:
        report = AppReport("a", ["a.out"], [AgentReport("g", "in", None, "answers", None)], [])
        well, ill = TopicState(4, 0, 0), TopicState(2, 1, 2)
        good = Survey("c", 1, "", {"in": well, "answers": well, "a.out": well})
        assert [f.status for f in check_topics(report, good)] == [Status.OK]
        bad = Survey("c", 1, "", {"in": well, "answers": ill})
        texts = [(f.status, f.text) for f in check_topics(report, bad)]
        assert (Status.WARN, "not there yet: a.out") in texts
        assert (Status.FAIL, "partitions without a leader: answers") in texts
        assert any("in has 4 partitions and its answers on answers 2" in text for _, text in texts)


class TestModels:
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Path:
        (tmp_path / "source").mkdir()
        save_file({"w": np.zeros(4, np.float32)}, tmp_path / "source/model.safetensors")
        publish(tmp_path / "models", "small", tmp_path / "source", task="test")
        return tmp_path / "models"

    def test_whole_ones_are_verified(self, registry: Path) -> None:
        (finding,) = check_models([ModelReport("models://small@1")], registry)
        assert finding.status is Status.OK
        assert finding.text == "1 declared model whole, checksums verified"
        (size,) = (entry.latest.size_bytes for entry in read_entries(registry) if entry.latest)
        assert finding.details == [f"small@1: {size} B"]
        (unasked,) = check_models(None, registry)
        assert unasked.text == "1 model in the registry whole, checksums verified"

    def test_a_damaged_one_fails_if_it_is_needed(self, registry: Path) -> None:
        path = registry / "small/1/model.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        assert worst(check_models([ModelReport("models://small")], registry)) is Status.FAIL
        assert worst(check_models([], registry)) is Status.WARN

    def test_a_missing_one_fails_and_says_what_to_do(self, registry: Path) -> None:
        findings = check_models([ModelReport("models://other")], registry)
        assert worst(findings) is Status.FAIL
        assert "aimass_stream.training demo" in findings[-1].fix

    def test_only_the_version_that_is_meant_counts(self, registry: Path, tmp_path: Path) -> None:
        (tmp_path / "source/notes.txt").write_text("x" * 5_000_000)
        publish(registry, "small", tmp_path / "source", task="test")
        (first,) = check_models([ModelReport("models://small@1")], registry)
        (latest,) = check_models([ModelReport("models://small")], registry)
        assert first.details[0].startswith("small@1: ")
        assert first.details[0].endswith(" B")
        assert latest.details == ["small@2: 5.0 MB"]

    def test_a_model_that_is_declared_for_another_task_fails(
        self, registry: Path, tmp_path: Path
    ) -> None:
        publish(registry, "pets", tmp_path / "source", task="image-classification")
        for task in ("image-classification", "image-embedding", ""):
            assert worst(check_models([ModelReport("models://pets", task)], registry)) is Status.OK
        (*_, finding) = check_models([ModelReport("models://pets", "text-to-speech")], registry)
        assert finding.status is Status.FAIL
        assert finding.text == (
            "pets@1 is declared for text-to-speech, and registered for image-classification"
        )
        assert "--name pets --task text-to-speech" in finding.fix

    @pytest.mark.parametrize(
        ("architecture", "task", "text", "fix"),
        [
            ("ResNetForImageClassification", "object-detection", "not for object-", "another"),
            ("BertForSequenceClassification", "text-classification", "no tokenizer", "tokenizer."),
        ],
    )
    def test_a_folder_that_cannot_be_what_is_declared_fails(
        self, tmp_path: Path, architecture: str, task: str, text: str, fix: str
    ) -> None:
        folder = write_model(tmp_path / "alone", architecture)
        declared = ModelReport(str(folder), task, TASKS[task].adapter)
        (finding,) = check_models([declared], tmp_path / "models")
        assert finding.status is Status.FAIL
        assert text in finding.text
        assert fix in finding.fix

    @pytest.mark.parametrize(
        ("own", "declared", "told"),
        [(False, Torch, Transformers), (True, Transformers, Torch)],
    )
    def test_a_folder_that_another_declaration_loads_fails_and_that_one_is_named(
        self, tmp_path: Path, own: bool, declared: Callable[..., Model[Any]], told: type[Model[Any]]
    ) -> None:
        folder = prepare(write_model(tmp_path / "alone", "ResNetForImageClassification"))
        if own:
            write_json(folder / "architecture.json", {"library": "layers", "labels": ["a", "b"]})
        task, registry = "image-classification", tmp_path / "models"
        model = declared(task, str(folder))
        (finding,) = check_models([ModelReport(str(folder), task, model.adapter)], registry)
        assert finding.status is Status.FAIL
        assert f"which {type(model).__name__} does not load" in finding.text
        assert f"{told.__name__}({task!r}, ...)" in finding.fix
        with pytest.raises(SetupError, match=f"{told.__name__}.*{task}"):
            resolve(model, registry)

    def test_a_folder_whose_library_is_not_installed_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = prepare(write_model(tmp_path / "alone", "ResNetForImageClassification"))
        write_json(folder / "architecture.json", {"library": "torchvision", "labels": ["a", "b"]})
        model = Torch("image-classification", str(folder))
        declared = ModelReport(str(folder), model.task, model.adapter)
        assert worst(check_models([declared], tmp_path / "models")) is Status.OK
        monkeypatch.setitem(sys.modules, "torchvision", None)
        (finding,) = check_models([declared], tmp_path / "models")
        assert finding.status is Status.FAIL
        assert finding.text.endswith("needs torchvision, which is not installed")
        assert finding.fix.endswith("'.[vision]'")

    def test_an_app_without_models_needs_none(self, tmp_path: Path) -> None:
        (finding,) = check_models([], tmp_path / "models")
        assert finding.status is Status.OK
        (finding,) = check_models(None, tmp_path / "models")
        assert finding.status is Status.WARN
        assert "aimass models add FOLDER" in finding.fix


def worst(findings: list[Finding]) -> Status:
    return max((f.status for f in findings), key=list(Status).index)


class TestCommand:
    def test_an_app_on_a_broker_is_looked_at_and_noise_does_not_matter(
        self, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        make_app(tmp_path, topic_name)
        ended = aimass("doctor", "--json", env=worker_env, cwd=tmp_path)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        about = json.loads(ended.stdout)
        assert about["ok"]
        found = by_check(about["findings"])
        assert found["app"]["text"] == f"{topic_name}, from agents"
        assert found["app"]["details"] == [f"classify: {topic_name}.images -> {topic_name}.answers"]
        assert found["broker"]["status"] == "OK"
        assert f"{topic_name}.outcomes" in found["topics"]["text"]


def test_an_app_that_cannot_be_imported_fails(
    broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMASS_BROKER", broker_url)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/__init__.py").write_text("import no_such_module\n")
    (failure,) = [finding for finding in examine("agents") if finding.status is Status.FAIL]
    assert failure.check == "app"
    assert failure.text == (
        "ModuleNotFoundError: No module named 'no_such_module' (agents/__init__.py:1)"
    )
    assert failure.fix


EXTRAS = ("vision", "onnx")
CORRECT = "Correct the declaration's adapter: 'module:Class', as this folder's code would import it"
LACKING = """\
import sys
from dataclasses import dataclass

from aimass_stream import App, Chain, FaceCascade, Model, Transformers
from aimass_stream.transforms import AdaptiveThreshold

# As where they are not installed.
sys.modules["onnx"] = sys.modules["onnxruntime"] = sys.modules["skimage"] = None

app = App("lacking")
wishes = Transformers("text-classification", "models://wishes", engine="onnx")
pages = Transformers(
    "image-classification", "models://pages", before=Chain(AdaptiveThreshold(block_size=35))
)
faces = FaceCascade("faces")


@dataclass(frozen=True)
class Raiser(Model[int]):
    name: str
    adapter = "models.raiser:Raiser"
    location = ""


@dataclass(frozen=True)
class Misspelt(Raiser):
    adapter = "models.raizer:Raiser"


@dataclass(frozen=True)
class MisspeltClass(Raiser):
    adapter = "models.raiser:Raizer"


good, misspelt, misspelt_class = Raiser("good"), Misspelt("one"), MisspeltClass("two")
"""


def test_what_declarations_need_and_is_not_there_fails_and_no_library_is_imported(
    broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMASS_BROKER", broker_url)
    for name in ("agents", "models"):
        (tmp_path / name).mkdir()
    (tmp_path / "models/__init__.py").touch()
    # Its own import would say so: there is nothing of this name.
    (tmp_path / "models/raiser.py").write_text("import no_such_library\n\n\nclass Raiser: ...\n")
    (tmp_path / "agents/__init__.py").write_text(LACKING)
    found = [finding for finding in examine("agents") if finding.check == "models"]
    assert {finding.status for finding in found} == {Status.FAIL}
    # The two folders are not there either, which is another matter.
    lacks = {one.text: one.fix for one in found if "registry" not in one.text}
    advice = "is not installed: in its checkout, pip install --constraint constraints.txt"
    vision, onnx = (f"The extra '{name}' of aimass-stream {advice} '.[{name}]'" for name in EXTRAS)
    needs = "names the adapter"
    assert lacks == {
        "FaceCascade('faces') needs skimage, which is not installed": vision,
        "Transformers('models://pages') needs skimage, which is not installed": vision,
        "Transformers('models://wishes') needs onnx and onnxruntime, which are not installed": onnx,
        f"Misspelt('one') {needs} 'models.raizer:Raiser', and there is no module 'models.raizer'": (
            CORRECT
        ),
        f"MisspeltClass('two') {needs} 'models.raiser:Raizer', and its module holds no 'Raizer'": (
            CORRECT
        ),
    }
