"""The table that readers see is the one that the suite wrote."""

from __future__ import annotations

from aimass_stream.adapters.tasks import TASKS
from aimass_stream.adapters.tasks.drawing import DRAWING_TASKS
from aimass_stream.adapters.tasks.images import TORCH_TASKS
from aimass_stream.adapters.tasks.vectors import SKLEARN_TASKS
from tests.zoo.results import ABSENT, DOCS, PAGE, judge, read, table
from tests.zoo.systems import BESIDE
from tests.zoo.zoo import CASES


def test_the_page_shows_the_results_file() -> None:
    rows = read()
    assert table(rows) in PAGE.read_text(encoding="utf-8")


def test_every_case_has_a_row_in_the_results_file() -> None:
    rows = read()
    passed = dict.fromkeys([*(case.name for case in CASES), *BESIDE.values()], True)
    everything = judge(passed, {one.name: one.rows for one in CASES})
    for name, row in everything.items():
        assert (name, rows[name].test, rows[name].lacks) == (name, row.test, row.lacks)
        assert (rows[name].status == ABSENT) == (row.status == ABSENT)


def test_a_row_fails_with_any_of_its_cases() -> None:
    rows = {"one": ("V2",), "other": ("V2", "V3")}
    judged = judge({"one": True, "other": False}, rows)
    assert (judged["V2"].status, judged["V3"].status, judged["V1"].status) == (
        "fails",
        "fails",
        "not yet",
    )


def test_a_row_fails_with_its_learner() -> None:
    rows = {"audio-spectrum": ("A4",)}
    passed = {"audio-spectrum": True, BESIDE["A4"]: False}
    assert judge(passed, rows)["A4"].status == "fails"
    assert judge(passed | {BESIDE["A4"]: True}, rows)["A4"].status == "works"


def test_every_task_has_a_page_with_its_settings() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md")))
    for name, task in {**SKLEARN_TASKS, **TORCH_TASKS, **DRAWING_TASKS, **TASKS}.items():
        assert f'"{name}"' in pages, name
        for setting in task.settings:
            assert f"`{setting}`" in pages, f"{name}: {setting}"
