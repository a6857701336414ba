"""Rounds, policies and programs of the benchmarks: what would spoil a figure without a word."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from benchmarks.__main__ import main
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.device.engines import rows_of
from benchmarks.device.inputs import MAX_TOKENS, draw_sounds, draw_texts
from benchmarks.device.offline import cut
from benchmarks.engine import run as engine
from benchmarks.engine.contestants import CONTESTANTS, FLOOR
from benchmarks.place import Place
from benchmarks.processes import ProcessTree
from tests.runtime.helpers import until

Make = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> Make:
    def make(url: str = "", *, rounds: int = 2, share: float = 1.0) -> Bench:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return Bench(
            url=url,
            broker_pid=None,
            rounds=rounds,
            out=tmp_path,
            scratch=scratch,
            peers="no-such-python",
            share=share,
        )

    return make


def test_rounds_are_interleaved_and_each_run_is_kept_at_once(make_bench: Make) -> None:
    order: list[str] = []
    kept: list[int] = []

    def measure(name: str) -> Figures:
        order.append(name)
        return {"x": float(len(order))}

    def keep(runs: dict[str, list[Figures]]) -> None:
        kept.append(sum(map(len, runs.values())))

    interleave(make_bench(rounds=2), ["a", "b"], measure, keep)
    assert order == ["a", "b", "a", "b"]
    assert kept == [1, 2, 3, 4]


def test_who_fails_takes_no_further_part(
    make_bench: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[str] = []

    def measure(name: str) -> Figures:
        measured.append(name)
        if name == "b":
            raise ContestantFailedError("it fell")
        return {"x": 1.0}

    interleave(make_bench(rounds=2), ["a", "b"], measure, lambda runs: None)
    assert measured == ["a", "b", "a"]
    assert "b takes no further part: it fell" in capsys.readouterr().out


def test_medians_are_of_each_figure_alone() -> None:
    runs = [{"x": 1.0, "y": 9.0}, {"x": 3.0, "y": 1.0}, {"x": 2.0, "y": 2.0}]
    assert medians(runs) == {"x": 2.0, "y": 2.0}


def test_the_offline_policy_keeps_its_budget_every_row_and_little_padding() -> None:
    rows = [[0] * (len(text.split()) + 2) for text in draw_texts(2_000)]
    batches = list(cut(iter(rows), "window of 160, 512 tokens"))
    assert sorted(len(row) for batch in batches for row in batch) == sorted(map(len, rows))
    padded = [len(batch) * max(map(len, batch)) for batch in batches]
    assert max(padded) <= 512
    assert sum(map(len, rows)) / sum(padded) > 0.9


def test_the_policy_of_today_pads_to_the_longest_of_each_batch() -> None:
    rows = [[0] * length for length in (1, 2, 3, 4, 5)]
    assert list(cut(iter(rows), "longest of 2")) == [rows[:2], rows[2:4], rows[4:]]


def test_texts_have_the_lengths_that_the_row_set_states() -> None:
    lengths = sorted(len(text.split()) + 2 for text in draw_texts(4_000))
    assert 20 <= lengths[2_000] <= 24
    assert 30 <= sum(lengths) / 4_000 <= 34
    assert 75 <= lengths[3_800] <= 100
    assert lengths[-1] <= MAX_TOKENS


def test_sounds_are_wav_and_flac() -> None:
    assert {file[:4] for file in draw_sounds(20)} == {b"RIFF", b"fLaC"}


async def test_a_tree_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with ProcessTree(["sh", "-c", "sleep 600 & wait"], {}, tmp_path / "log") as tree:
        await until(lambda: len(tree.members()) > 1, "a process of the process")
        pids = [process.pid for process in tree.members()]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_program_that_ends_is_no_contestant(tmp_path: Path) -> None:
    with ProcessTree([sys.executable, "-c", "raise SystemExit('no')"], {}, tmp_path / "l") as tree:
        await until(lambda: not tree.is_alive(), "its end")
        with pytest.raises(ContestantFailedError, match="no"):
            tree.check_alive()


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_engine_row_set_runs(
    make_bench: Make,
    broker_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours = tuple(one for one in CONTESTANTS if one.name in {"aimass", FLOOR} or one.package)
    monkeypatch.setattr(engine, "CONTESTANTS", ours)
    bench = make_bench(broker_url, rounds=1, share=0.1)
    engine.run_engine(bench)
    rows = orjson.loads((bench.out / "engine.json").read_bytes())["rows"]
    assert [row["contestant"] for row in rows] == ["aimass", FLOOR]
    assert all(row["records_per_s"] > 0 and row["cpu_us_per_record"] > 0 for row in rows)
    assert rows[1]["cpu_ratio_to_floor"] == 1
    assert "bytewax is not installed and left out" in capsys.readouterr().out


@pytest.mark.parametrize("module", ["engine.aimass_app", "device.app", "backlog.app"])
def test_our_applications_can_be_imported(module: str, tmp_path: Path) -> None:
    """Nothing else would notice before a figure is wanted."""
    place = Place("127.0.0.1:1", "in", "out", "group", tmp_path)
    sizes = dict.fromkeys(("BENCH_CALL_MS", "BENCH_SLOW_CALL_MS", "BENCH_SLOW_AFTER_S"), "1")
    broker = {"AIMASS_BROKER": "kafka://127.0.0.1:1"}
    env = {**os.environ, **broker, **place.to_env(), **sizes, "BENCH_KIND": "text"}
    ran = subprocess.run(
        [sys.executable, "-c", f"import benchmarks.{module}"],
        env=env,
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()


def test_engines_are_compared_within_a_round() -> None:
    rates = {"aimass, torch": [100, 50, 10], "aimass, onnx": [120, 75], "aimass, onnx-int8": []}
    runs = {
        name: [{"records_per_s": float(rate)} for rate in found] for name, found in rates.items()
    }
    rows = rows_of(runs)
    assert [row["contestant"] for row in rows] == ["aimass, torch", "aimass, onnx"]
    assert [row["times_torch"] for row in rows] == [1.0, 1.35]
    assert rows_of({**runs, "aimass, torch": []})[0].get("times_torch") is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "nonsense"], "There are no rows 'nonsense'. There are: engine, "),
        (["--rounds", "0"], "less than one round"),
        (["--only", "served"], "DATA=dir"),
        (["--only", "served", "--data", "no-such-folder"], "DATA=dir"),
        (["--only", "layers", "--out", "/dev/null/results"], "No results can be written"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_who_is_told_to_end_says_what_is_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "layers", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        begun = next(line for line in running.stdout if line.startswith("== layers"))
        running.terminate()
        rest = running.stdout.read()
    assert begun
    assert running.returncode == 128 + signal.SIGTERM
    assert "Ended early; nothing was measured." in rest
