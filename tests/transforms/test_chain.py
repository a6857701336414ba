"""Declarations: pure, checked where they stand, plain data on the way, part of a version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson
import pytest

from aimass_stream import transforms
from aimass_stream.adapters.torch import Torch
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import ConfigError, RecordError, SetupError
from aimass_stream.registry.folder import resolve
from aimass_stream.transforms import (
    AdaptiveThreshold,
    Brightness,
    Chain,
    ClipPeaks,
    ColourHistogram,
    EqualizeHistogram,
    Fields,
    Hog,
    Impute,
    Join,
    Kind,
    Lowercase,
    Mel,
    StopWords,
    Transform,
)
from aimass_stream.transforms.running import Running

CHAINS = [
    Chain(EqualizeHistogram(), AdaptiveThreshold(block_size=15)),
    Chain(Lowercase(), StopWords(("english",), ("foo", "bar"))),
    Chain(Join.of(Brightness(), Chain(EqualizeHistogram(), Hog(32, 32))), Impute("mean")),
    Chain(Fields(["a", "b"])),  # type: ignore[arg-type]  # a list becomes a tuple
    Chain(ClipPeaks(0.5), Mel(bands=12)),
]


class Shout(Transform, frozen=True):
    """A step of a user's."""

    takes = gives = Kind.TEXT
    does = "tests.transforms.test_chain:shout"

    marks: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1


def shout(text: str, marks: int) -> str:
    if text == "quiet":
        raise KeyError(text)
    return "" if text == "nothing" else text.upper() + "!" * marks


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_a_chain_comes_back_from_its_plain_form(chain: Chain) -> None:
    plain = chain.plain()
    assert orjson.loads(orjson.dumps(plain)) == plain
    assert Chain.of(plain) == chain
    assert hash(Chain.of(plain, ours_only=True)) == hash(chain)


def test_declaring_loads_no_library() -> None:
    program = """
import sys
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.transforms import *
Transformers("image-classification", "x", before=Chain(EqualizeHistogram(), AdaptiveThreshold()))
Chain(Join.of(Hog(), ColourHistogram()), Impute(), RecursiveElimination(3))
print(*{"torch", "transformers", "sklearn", "scipy", "skimage", "PIL"} & set(sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout.strip() == b""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Chain, "at least one step"),
        (lambda: Chain(Brightness(), EqualizeHistogram()), "Brightness gives vector.*takes image"),
        (lambda: Chain(ColourHistogram(bins=1)), "ColourHistogram: Expected `int` >= 2"),
        (lambda: Chain(StopWords(("latin",))), "StopWords: Invalid enum value 'latin'"),  # type: ignore[arg-type]
        (lambda: AdaptiveThreshold(block_size=8), "block_size=8 is not odd"),
        (lambda: Join.of(Brightness(), Mel()), "every branch must take the same"),
        (lambda: Join.of(Brightness(), Impute()), "every branch must take the same"),
        (lambda: Join.of(EqualizeHistogram()), "every branch must give a vector"),
        (lambda: Chain("lower"), "is no transform"),  # type: ignore[arg-type]
        (lambda: Chain.of([{"step": "Chain"}]), "is no transform"),
        (lambda: Chain.of([{"step": "chain"}]), "is no transform"),
        (lambda: Chain.of([{"step": "Nothing"}]), "describes no transform"),
        (lambda: Chain.of([{"step": "os:getcwd"}]), "is no transform"),
        (lambda: Chain.of([{"step": "this:s"}], ours_only=True), "is not of this package"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(make: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_a_name_in_a_file_imports_nothing() -> None:
    inner = [{"step": "antigravity:x"}]
    for plain in (inner, [{"step": "Join", "arguments": {"chains": [inner]}}]):
        with pytest.raises(ConfigError, match="not of this package"):
            Chain.of(plain, ours_only=True)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("task", "before", "said"),
    [
        ("image-classification", Chain(Lowercase()), "takes text and gives text.*takes image"),
        ("image-classification", Chain(Brightness()), "gives vector"),
        ("text-classification", Chain(transforms.Keywords()), "steps that are fitted.*Keywords"),
        ("token-classification", Chain(Lowercase()), "takes no before"),
        ("question-answering", Chain(Lowercase()), "takes no before"),
        ("audio-classification", "loud", "is no Chain"),
    ],
)
def test_a_task_takes_chains_of_its_kind_only(task: Any, before: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Transformers(task, "x", before=before)


def test_a_chain_is_part_of_the_version(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")

    def version(*steps: Transform) -> str:
        told: Any = {"before": Chain(*steps)} if steps else {}
        return resolve(Torch("image-classification", str(tmp_path), **told), tmp_path).version

    plain, even, fine = version(), version(EqualizeHistogram()), version(AdaptiveThreshold(15))
    assert len({plain, even, fine, version(AdaptiveThreshold(17))}) == 4
    assert "-" not in plain
    assert version(AdaptiveThreshold()) == version(AdaptiveThreshold(block_size=35, offset=0.0))


def test_a_step_of_ones_own_runs_and_costs_a_record_only() -> None:
    chain = Chain(Lowercase(), Shout(marks=2))
    assert chain.plain()[1]["step"] == "tests.transforms.test_chain:Shout"
    run = Running.of(Chain.of(chain.plain()))
    assert run("Hello") == "HELLO!!"
    with pytest.raises(RecordError, match="transform_error: Shout failed: KeyError") as caught:
        run("quiet")
    assert "in shout" in caught.value.trace
    with pytest.raises(RecordError, match="empty: Shout left nothing"):
        run("nothing")


def test_a_missing_library_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"needs skimage.*'vision' of aimass-stream is not"):
        Running.of(Chain(AdaptiveThreshold()))


def test_every_step_is_exported_and_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models" / "transforms.md").read_text("utf-8")
    steps = [name for name in transforms.__all__ if name not in {"Chain", "Kind", "Transform"}]
    for name in steps:
        assert issubclass(getattr(transforms, name), Transform), name
        assert f"`{name}" in page, name
        for argument in getattr(transforms, name).__struct_fields__:
            assert argument == "chains" or argument in page, f"{name}: {argument}"
