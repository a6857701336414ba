"""The documents are true: what they name exists, and what exists is named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from aimass_stream import learners, metrics
from aimass_stream.cli.main import app
from aimass_stream.config import Settings
from aimass_stream.errors import Reason
from tests.bad_input.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
DOCUMENTS = [*READMES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

QUOTED = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
STOP = re.compile(r"^- `([^`]+\.py)`: (.+)$", re.MULTILINE)
SOURCE = re.compile(r"(?:[\w.-]+/)+[\w-]+\.py")
ABSOLUTE = re.compile(r"(?<![\w./~:-])/(?:work|home|root|tmp|Users|usr|var|opt|mnt)\b")
STOPS = ["Poll", "Submit", "Batch", "Decode", "Predict", "Outcome", "Decide", "Produce", "Commit"]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    return FENCED.sub("", read(path))


def first_cells(path: Path) -> list[str]:
    """What stands in backticks in the first cell of each row of a document's tables."""
    rows = [line.split("|")[1] for line in prose(path).splitlines() if line.startswith("| `")]
    return [name for cell in rows for name in QUOTED.findall(cell)]


def definitions(path: Path) -> set[str]:
    """Functions and classes of a file, methods and properties as `Class.name`."""
    found = set()
    for node in ast.parse(read(path)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return found


def commands(command: object, words: tuple[str, ...] = ("aimass",)) -> Iterator[str]:
    """Every command that can be typed, in full."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words)
        return
    for name, each in inner.items():
        yield from commands(each, (*words, name))


def test_every_reason_is_explained() -> None:
    words = [name for name in first_cells(DOCS / "reasons.md") if not name.startswith("aimass-")]
    assert sorted(words) == sorted(reason.value for reason in Reason)


def test_every_case_of_bad_input_is_listed_with_what_becomes_of_it() -> None:
    _, _, section = read(DOCS / "reasons.md").partition("## Bad input, case by case")
    listed: dict[str, dict[str, str]] = {}
    for title, part in re.findall(r"^### (.+)\n((?:(?!^### ).*\n?)*)", section, re.M):
        rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line[:1] == "|"]
        listed[title] = {name: fate for names, fate in rows[2:] for name in names.split("; ")}
    assert listed == CATALOGUE


def test_every_metric_is_explained_with_its_unit() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:3]]
        for line in prose(DOCS / "metrics.md").splitlines()
        if line.startswith("| `aimass_")
    ]
    described = [[f"`{name}`", unit] for name, unit, _ in metrics.describe()]
    assert sorted(rows) == sorted(described)


def test_every_setting_is_explained_with_its_variable() -> None:
    rows = [line.split("|")[1:3] for line in read(DOCS / "settings.md").splitlines() if "|" in line]
    named = {cell.strip().strip("`"): variable.strip() for cell, variable in rows}
    for name in Settings.model_fields:
        assert named.get(name) == f"`AIMASS_{name.upper()}`", name
    variables = re.findall(r"^\| `\w+` \| `(AIMASS_\w+)`", read(DOCS / "settings.md"), re.M)
    assert {name.removeprefix("AIMASS_").lower() for name in variables} == set(
        Settings.model_fields
    )


def test_every_command_has_an_example() -> None:
    text = read(DOCS / "commands.md")
    examples = "\n".join(FENCED.findall(text))
    for line in commands(typer.main.get_command(app)):
        assert f"\n{line}" in examples, line


@pytest.mark.parametrize("code", [0, 1, 2, 69, 75, 78, 130, 143])
def test_every_exit_code_is_explained(code: int) -> None:
    assert re.search(rf"^\|[ \d,]*\b{code}\b[ \d,]*\|", read(DOCS / "commands.md"), re.M)


def test_the_walk_has_nine_stops_with_their_functions() -> None:
    headings = HEADING.findall(read(DOCS / "walk.md"))
    stops = [heading.partition(". ")[2] for heading in headings if heading[0].isdigit()]
    assert stops == STOPS
    sections = re.split(r"^## ", read(DOCS / "walk.md"), flags=re.MULTILINE)
    assert all(STOP.search(section) for section in sections if section[0].isdigit())


def test_every_function_of_the_walk_exists() -> None:
    missing = [
        f"{path}: {name}"
        for path, names in STOP.findall(read(DOCS / "walk.md"))
        for name in QUOTED.findall(names)
        if name not in definitions(ROOT / path)
    ]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_source_file_that_is_named_exists(document: Path) -> None:
    rooms = (ROOT, ROOT / "aimass_stream")
    quoted = QUOTED.findall(prose(document))
    named = {name for text in quoted for name in SOURCE.findall(text)}
    missing = [name for name in named if not any((room / name).is_file() for room in rooms)]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_resolves(document: Path) -> None:
    links = [link for link in LINK.findall(prose(document)) if "://" not in link]
    broken = [link for link in links if not (document.parent / link.partition("#")[0]).exists()]
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_names_a_path_of_one_machine(document: Path) -> None:
    assert not ABSOLUTE.findall(read(document))


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_a_readme_shows_the_reference_application_as_it_is(readme: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", read(readme), re.MULTILINE | re.DOTALL):
        title, _, code = block.partition("\n")
        name = re.match(r"# ([\w/]+\.py)[:\uff1a]", title)
        if name is not None:
            assert code.strip() in read(ROOT / name[1]), name[1]


def test_the_readmes_show_the_same_run_and_the_same_code() -> None:
    english, chinese = (
        [re.sub(r"\s*#.*", "", block) for block in FENCED.findall(read(readme))]
        for readme in READMES
    )
    assert english == chinese


def test_examples_of_learners_say_where_these_come_from() -> None:
    for path in sorted(DOCS.rglob("*.md")):
        for block in re.findall(r"^```python\n(.*?)^```", read(path), re.MULTILINE | re.DOTALL):
            called = {name for name in learners.__all__ if re.search(rf"\b{name}\(", block)}
            assert not called or "from aimass_stream.learners import" in block, (path, called)
    assert all(getattr(learners, name) for name in learners.__all__)
