"""The tutorials, followed to the letter: their files written, their commands typed into a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimass_stream.kafka.embedded import stop_broker
from tests.docs.tutorial import Command, File, missing_line, steps_of

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
MARK = "@@ended "


class Shell:
    """A bash in which a tutorial is followed, as in a terminal without a person.

    Args:
        folder: where it begins; empty.
        programs: a folder for `aimass` and `python`, which are those that run the tests.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        for name, argv in (("aimass", "-m aimass_stream.cli.main"), ("python", "")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {argv} "$@"\n')
            program.chmod(0o755)
        # The tutorial begins where nothing is set and no broker is named.
        env = {name: text for name, text in os.environ.items() if not name.startswith("AIMASS_")}
        env["PATH"] = f"{programs}{os.pathsep}{env['PATH']}"
        env["PYTHONPATH"] = str(ROOT)
        self.folder = folder
        self._bash = subprocess.Popen(
            ["bash"],  # noqa: S607 - the one that a terminal would find
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def type(self, line: str) -> tuple[int, str]:
        """The exit code of a command, and all that was printed."""
        stdin, stdout = self._bash.stdin, self._bash.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{line}\nprintf '\\n{MARK}%d %s\\n' $? \"$PWD\"\n")
        stdin.flush()
        printed = ""
        for each in stdout:
            if each.startswith(MARK):
                code, _, folder = each.removeprefix(MARK).strip().partition(" ")
                self.folder = Path(folder)
                return int(code), printed
            printed += each
        raise AssertionError(f"the shell ended within {line!r}: {printed}")

    def close(self) -> None:
        """End it, and whatever runs in it."""
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()
        stop_broker(self.folder / ".aimass")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    # Not below the folder: in an empty one nothing else lies.
    with tempfile.TemporaryDirectory() as programs:
        shell = Shell(tmp_path, Path(programs))
        try:
            yield shell
        finally:
            shell.close()


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_does_what_it_says(tutorial: Path, shell: Shell) -> None:
    for step in steps_of(tutorial.read_text(encoding="utf-8")):
        if isinstance(step, File):
            (shell.folder / step.name).write_text(step.text)
            continue
        code, printed = shell.type(step.line)
        log = shell.folder / "worker.log"
        told = f"{step.line}\n{printed}\n{log.read_text() if log.is_file() else ''}"
        assert code == 0, told
        assert missing_line(step.shown, printed) is None, told


def test_a_tutorial_is_taken_apart_in_order() -> None:
    text = 'a\n```python title="a/b.py"\nx = 1\n```\n```console\n$ one\nout\n$ two\n```\n'
    assert steps_of(text) == [
        File("a/b.py", "x = 1\n"),
        Command("one", ("out",)),
        Command("two", ()),
    ]


@pytest.mark.parametrize("block", ["```python\nx = 1\n```", "```console\nout\n$ one\n```"])
def test_a_block_that_nothing_is_done_with_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match=r"block|before"):
        steps_of(block)


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (["one  two"], None),
        (["one ... 3", "...", "end"], None),
        (["end", "one two"], "one two"),
        (["one"], "one"),
        (["one ... 4"], "one ... 4"),
    ],
)
def test_what_is_shown_is_what_is_printed(shown: list[str], missing: str | None) -> None:
    assert missing_line(shown, "starting\none   two\none two 3\nmore\nend\n") == missing
