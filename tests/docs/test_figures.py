"""The figures in the READMEs are those of the result files."""

from pathlib import Path

import orjson
import pytest

from benchmarks.learning import table as learning
from benchmarks.table import READMES, RESULTS, TABLES, marker, put, table_of
from benchmarks.words import WORDS

WORDED = ("contestant", "guarantee")


@pytest.mark.parametrize("language", READMES)
@pytest.mark.parametrize("name", TABLES)
def test_a_readme_has_the_table_that_the_result_files_make(name: str, language: str) -> None:
    document = READMES[language].read_text(encoding="utf-8")
    assert put(document, name, table_of(name, language)) == document, (
        "python -m benchmarks.table --write"
    )


def test_the_page_on_learning_has_the_tables_that_its_result_file_makes() -> None:
    document = learning.PAGE.read_text(encoding="utf-8")
    assert learning.document_of(document) == document, "python -m benchmarks.learning.table --write"


def test_every_name_and_promise_of_a_result_file_is_worded_in_both_languages() -> None:
    said = {
        row[key]
        for path in RESULTS.glob("*.json")
        for row in orjson.loads(path.read_bytes()).get("rows", ())
        for key in WORDED
        if key in row
    }
    assert said - WORDS.keys() == set()


def test_pictures_that_a_readme_shows_exist() -> None:
    for readme in READMES.values():
        for part in readme.read_text(encoding="utf-8").split("](benchmarks/results/")[1:]:
            assert (RESULTS / part.partition(")")[0]).is_file()


def test_a_table_takes_the_place_of_the_one_below_its_marker() -> None:
    document = f"Before\n\n{marker('x')}| a | b |\n|---|---|\n| 1 | 2 |\n\n| c |\n"
    table = "| a |\n|---|\n| 5 |"
    assert put(document, "x", table) == f"Before\n\n{marker('x')}{table}\n\n| c |\n"
    assert put(put(document, "x", ""), "x", table) == put(document, "x", table)
    with pytest.raises(ValueError, match="there is no line"):
        put(document, "y", table)
    assert put(document, "y", "") == document


def test_a_file_that_is_missing_makes_no_table(tmp_path: Path) -> None:
    assert table_of("engine", "en", tmp_path) == ""
