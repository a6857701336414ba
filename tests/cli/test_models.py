"""`aimass models`: what people and scripts are told of the registry, and the exit codes."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aimass_stream.cli.cards.catalogue import list_lines, read_entries
from aimass_stream.cli.cards.page import page_lines
from aimass_stream.cli.main import app
from aimass_stream.registry.card import Cost, Provenance
from aimass_stream.registry.folder import publish
from aimass_stream.registry.manifest import read_manifest
from tests.registry.model_folders import prepare, write_json, write_model

COLUMNS = 80
CLASSIFIER = "ResNetForImageClassification"
COST = Cost(
    ms_per_record=0.4219, records=600, batch_rows=64, device="cpu", threads=2, machine="x86_64"
)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMASS_MODELS", "models")
    return tmp_path / "models"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    labels = {"0": "cat", "1": "dog"}
    return prepare(write_model(tmp_path / "pets", CLASSIFIER, id2label=labels))


def aimass(*args: str) -> Result:
    return CliRunner().invoke(app, ["models", *args])


def test_an_empty_registry_says_what_to_type(registry: Path) -> None:
    shown = aimass("list")
    assert shown.exit_code == 0
    assert "No models in models." in shown.stdout
    assert "aimass models add FOLDER --name NAME" in shown.stdout
    assert "python -m aimass_stream.training demo models" in shown.stdout
    assert json.loads(aimass("list", "--json").stdout) == {"registry": "models", "models": []}
    assert aimass("verify").exit_code == 0


def test_a_folder_is_added_listed_shown_and_verified(registry: Path, folder: Path) -> None:
    for version in "12":
        added = aimass("add", "pets", "--licence", "MIT", "--source", "a page", "--limit", "Cats.")
        assert added.exit_code == 0, added.output
        assert added.stdout == f"pets@{version}\n"
        assert "Added image-classification, " + CLASSIFIER + ", 7 (F32 4, F16 3)" in added.stderr
        assert f'Transformers("image-classification", "models://pets@{version}")' in added.stderr
        assert "does not state" not in added.stderr
    assert re.search(r"pets +1-2 +image-classification +\d+ B +a page\n", aimass("list").stdout)
    shown = aimass("show", "pets").stdout
    assert shown.startswith("pets@2\n")
    for line in ("Licence       MIT", "Source        a page", "Limits        Cats."):
        assert f"\n{line}\n" in shown
    assert "Cost" not in shown
    assert "Labels        2: cat, dog" in shown
    digests = re.findall(r"  (\S+) +\d+ B  ([0-9a-f]{64})\n", shown)
    files = read_manifest(registry / "pets" / "2").files
    assert dict(digests) == {name: entry.sha256 for name, entry in files.items()}
    assert aimass("show", "models://pets@1").stdout.startswith("pets@1\n")
    verified = aimass("verify")
    assert verified.exit_code == 0
    assert verified.stdout.count("OK  ") == 2


def test_scripts_get_the_same_in_json(registry: Path, folder: Path) -> None:
    aimass("add", "pets", "--name", "animals")
    (listed,) = json.loads(aimass("list", "--json").stdout)["models"]
    shown = json.loads(aimass("show", "animals", "--json").stdout)
    known = {"name": "animals", "versions": ["1"], "candidates": [], "problem": ""}
    assert shown.pop("differences") == []
    assert listed == {**known, "latest": shown}
    assert (shown["id"], shown["task"]) == ("animals@1", "image-classification")
    assert shown["size_bytes"] == sum(one["size"] for one in shown["files"].values())
    assert (shown["parameters"], shown["card"]["values"]) == (7, {"F16": 3, "F32": 4})
    assert (registry.parent / shown["folder"] / "config.json").is_file()
    verified = json.loads(aimass("verify", "animals@1", "--json").stdout)
    assert verified["ok"]
    assert [one["id"] for one in verified["versions"]] == ["animals@1"]


def test_what_is_not_stated_is_asked_for(registry: Path, folder: Path) -> None:
    added = aimass("add", "pets")
    assert "not state its licence and source, and a version never changes. Give" in added.stderr
    assert "README.md; adding the folder again makes pets@2" in added.stderr
    assert "\nLicence       not stated\n" in aimass("show", "pets").stdout


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("pytorch_model.bin", "pytorch_model.bin is refused, because such a file can run code"),
        ("model.pkl", "model.pkl is refused"),
        ("modeling_pets.py", "modeling_pets.py is refused"),
    ],
)
def test_what_could_run_code_is_refused_in_a_sentence(
    registry: Path, folder: Path, file: str, words: str
) -> None:
    (folder / file).write_bytes(b"\x80\x04.")
    refused = aimass("add", "pets")
    assert refused.exit_code == 78
    assert words in refused.stderr
    assert refused.stdout == ""
    assert not registry.exists()


def test_remote_code_is_refused(registry: Path, folder: Path) -> None:
    write_json(folder / "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["x.T", None]}})
    refused = aimass("add", "pets")
    assert refused.exit_code == 78
    assert "'auto_map'" in refused.stderr


def test_damage_ends_with_1_and_names_the_file(registry: Path, folder: Path) -> None:
    for _ in range(2):
        aimass("add", "pets")
    (registry / "pets" / "2" / "config.json").write_text("{}")
    damaged = aimass("verify", "pets")
    assert damaged.exit_code == 1
    assert re.search(r"OK +pets@1 +3 files", damaged.stdout)
    assert re.search(r"DAMAGED +pets@2\n +config.json has 2 bytes, not \d+\n", damaged.stdout)
    assert "1 of 2 versions damaged: pets@2" in damaged.stderr
    about = json.loads(aimass("verify", "--json").stdout)
    assert [one["ok"] for one in about["versions"]] == [True, False]
    assert about["versions"][1]["differences"][0]["file"] == "config.json"
    assert aimass("verify", "pets@1").exit_code == 0
    shown = aimass("show", "pets")
    assert shown.exit_code == 1
    assert "\nDAMAGED       config.json has 2 bytes" in shown.stdout
    assert "Declare it" not in shown.stdout
    as_json = aimass("show", "pets", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["differences"] == about["versions"][1]["differences"]


def test_a_manifest_that_cannot_be_read_does_not_hide_other_models(
    registry: Path, folder: Path
) -> None:
    for name in ("pets", "zebra"):
        aimass("add", "pets", "--name", name)
    (registry / "pets" / "1" / "manifest.json").write_text("{")
    listed = aimass("list")
    assert listed.exit_code == 0
    assert re.search(r"pets +1 +damaged +aimass models verify pets", listed.stdout)
    assert "zebra" in listed.stdout
    broken, whole = json.loads(aimass("list", "--json").stdout)["models"]
    assert (broken["latest"], whole["problem"]) == (None, "")
    assert "cannot be read" in broken["problem"]
    assert aimass("show", "pets").exit_code == 78


@pytest.mark.parametrize("command", ["show", "verify"])
def test_an_unknown_model_is_answered_with_what_there_is(
    registry: Path, folder: Path, command: str
) -> None:
    aimass("add", "pets")
    unknown = aimass(command, "dogs")
    assert unknown.exit_code == 78
    assert "There are: pets" in unknown.stderr
    assert "It has: 1" in aimass(command, "pets@7").stderr


def test_a_version_of_another_registry_keeps_its_name(
    registry: Path, folder: Path, tmp_path: Path
) -> None:
    aimass("add", "pets", "--registry", str(tmp_path / "other"))
    assert aimass("add", str(tmp_path / "other/pets/1")).stdout == "pets@1\n"


def test_a_folder_that_is_called_by_a_number_needs_a_name(
    registry: Path, folder: Path, tmp_path: Path
) -> None:
    folder.rename(tmp_path / "2024")
    refused = aimass("add", "2024")
    assert refused.exit_code == 78
    assert "--name NAME" in refused.stderr
    assert not registry.exists()
    assert aimass("add", "2024", "--name", "pets").stdout == "pets@1\n"


def test_a_task_that_the_model_is_not_for_is_refused_by_both_names(
    registry: Path, folder: Path
) -> None:
    refused = aimass("add", "pets", "--task", "text-classification")
    assert refused.exit_code == 78
    assert f"{CLASSIFIER}, which is for image-classification, not for text-" in refused.stderr
    assert not registry.exists()
    assert aimass("add", "pets", "--task", "image-embedding").exit_code == 0


def test_another_registry_is_chosen_by_option(registry: Path, folder: Path, tmp_path: Path) -> None:
    aimass("add", "pets", "--registry", str(tmp_path / "other"))
    assert "pets" in aimass("list", "--registry", str(tmp_path / "other")).stdout
    assert "No models" in aimass("list").stdout


def test_screens_fit_a_terminal_of_80_columns(registry: Path, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "a-tokenizer-with-a-long-name.json").write_text("{}")
    told = Provenance(source="很长的来源 " * 30, licence="MIT", limits=("words " * 40,), cost=COST)
    name = "a-name-" * 12
    labels = [f"label {number}" for number in range(1000)]
    for _ in range(11):
        publish(registry, name, folder, task="image-classification", labels=labels, provenance=told)
    manifest = read_manifest(registry / name / "11")
    pages = page_lines(manifest, ["11"], registry, COLUMNS)
    lists = list_lines(read_entries(registry), Path("models"), COLUMNS)
    for line in (*pages[1:-1], *lists):  # the name and the line to be copied stay whole
        assert line.cell_len <= COLUMNS, line.plain
    text = "\n".join(line.plain for line in pages)
    assert "label 11 and 988 more" in text
    assert "0.422 ms a record, decoding included, in batches of 64 on cpu" in text
    assert "first 16 digits of SHA-256" in text


def test_nothing_on_a_card_acts_on_the_terminal(registry: Path, folder: Path) -> None:
    told = Provenance(source="\x1b[2Jgone", licence="\x9b31m")
    publish(
        registry, "pets", folder, task="image-\x1b[0mx", labels=["\x1b[31mcat"], provenance=told
    )
    for args in (("list",), ("show", "pets"), ("list", "--json"), ("show", "pets", "--json")):
        shown = aimass(*args)
        assert shown.exit_code == 0
        assert "\x1b" not in shown.stdout
        assert "\x9b" not in shown.stdout
