"""Answers beside their labels, whichever comes first, for every version of every model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.arrays import under
from aimass_stream.learners.quality.declaration import QualityWatch
from aimass_stream.learners.quality.events import QualityInput, Said, Told
from aimass_stream.learners.quality.version import Version
from aimass_stream.learners.waiting import Waiting
from aimass_stream.records import Quality, Surprise


class _Answer(NamedTuple):
    """An answer in memory; `label` is -1 until there is one, `number` is what corrects it."""

    model: str
    shares: dict[int, float]
    label: int = -1
    number: int = -1


_Answers = tuple[_Answer, ...]


class Book:
    """All that a watch knows.

    Args:
        watch: the declaration.
    """

    def __init__(self, watch: QualityWatch) -> None:
        self._watch = watch
        self._versions: OrderedDict[str, Version] = OrderedDict()
        self._answers: Waiting[_Answers] = Waiting(watch.keep_records, watch.keep_s)
        self._labels: Waiting[int] = Waiting(watch.keep_records, watch.keep_s)
        self._repeated = 0
        self._unmatched = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """Labels that said nothing new, and labels that no answer was found for in time."""
        return {"repeated": self._repeated, "unmatched": self._unmatched}

    def take(self, one: QualityInput) -> Quality | None:
        """Enter an answer or a label; what it changed, None where no figure did."""
        if isinstance(one, Told):
            return self._take_label(one)
        known = self._answers.find(one.root, one.time_ms) or ()
        if any(answer.model == one.model for answer in known):
            return None
        drift = self._version(one.model).answer(one.shares)
        self._wait(one, known)
        label = self._labels.find(one.root, one.time_ms)
        if label is not None:
            return self._judge(one.root, one.time_ms, label, drift)
        return None if drift is None else self._say([one.model], drift)

    def copy(self) -> Self:
        """One that goes on apart."""
        other = type(self)(self._watch)
        other._versions = OrderedDict(  # noqa: SLF001 - it is one of its own kind
            (model, version.copy()) for model, version in self._versions.items()
        )
        other._answers, other._labels = self._answers.copy(), self._labels.copy()  # noqa: SLF001
        other._repeated, other._unmatched = self._repeated, self._unmatched  # noqa: SLF001
        return other

    def snapshot(self) -> Snapshot:
        """Lay it down."""
        arrays: dict[str, NDArray[np.generic]] = {
            "answers.times": self._answers.times_ms,
            "labels.times": self._labels.times_ms,
            "labels.labels": np.array(self._labels.items, np.int64),
        }
        versions = []
        for i, (model, version) in enumerate(self._versions.items()):
            laid_down = version.snapshot()
            arrays |= {f"{i}.{name}": array for name, array in laid_down.arrays.items()}
            versions.append([model, laid_down.data])
        data = {
            "versions": versions,
            "answers": [
                [root, [_plain(answer) for answer in answers]]
                for root, answers in zip(self._answers.roots, self._answers.items, strict=True)
            ],
            "labelled": self._labels.roots,
            **self.counts,
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of other settings.
        """
        arrays, data = snapshot
        self._versions = OrderedDict()
        for i, (model, laid_down) in enumerate(data["versions"]):
            self._versions[model] = version = Version(self._watch)
            version.restore(under(arrays, f"{i}."), laid_down)
        roots = [root for root, _ in data["answers"]]
        answers = (tuple(map(_answer, plain)) for _, plain in data["answers"])
        self._answers.restore(roots, answers, arrays["answers.times"].tolist())
        labels = arrays["labels.labels"].tolist()
        self._labels.restore(data["labelled"], labels, arrays["labels.times"].tolist())
        self._repeated, self._unmatched = data["repeated"], data["unmatched"]

    def _version(self, model: str) -> Version:
        """What is known of a version, which is now the last that was heard of."""
        version = self._versions.get(model)
        if version is None:
            version = self._versions[model] = Version(self._watch)
            if len(self._versions) > self._watch.models:
                self._versions.popitem(last=False)
        self._versions.move_to_end(model)
        return version

    def _wait(self, said: Said, known: _Answers) -> None:
        answer = _Answer(said.model, said.shares)
        if known:
            self._answers.replace(said.root, (*known, answer))
            return
        self._answers.drop(said.root)
        for gone in self._answers.add(said.root, (answer,), said.time_ms) or ():
            if gone.label < 0 and gone.model in self._versions:
                self._versions[gone.model].unlabelled += 1

    def _take_label(self, told: Told) -> Quality | None:
        # It waits also where an answer is there: another model's may follow.
        before = self._labels.find(told.root, told.time_ms)
        if before == told.label:
            self._repeated += 1
            return None
        self._labels.drop(told.root)
        self._labels.add(told.root, told.label, told.time_ms)
        if self._answers.find(told.root, told.time_ms) is None:
            self._unmatched += before is None
            return None
        return self._judge(told.root, told.time_ms, told.label, None)

    def _judge(self, root: str, time_ms: int, label: int, drift: Surprise | None) -> Quality | None:
        """Judge every answer to a record that this label says something new about."""
        changed, judged = [], []
        for answer in self._answers.find(root, time_ms) or ():
            judged.append(answer)
            if answer.label == label or answer.model not in self._versions:
                continue
            version = self._versions[answer.model]
            number = answer.number
            if answer.label < 0:
                number, found = version.label(answer.shares, label)
                drift = found if drift is None else drift
            else:
                version.correct(number, answer.shares, label)
            judged[-1] = answer._replace(label=label, number=number)
            changed.append(answer.model)
        self._answers.replace(root, tuple(judged))
        return self._say(changed, drift) if changed or drift is not None else None

    def _say(self, models: Sequence[str], drift: Surprise | None) -> Quality:
        return Quality([self._versions[model].quality(model) for model in models], drift)


def _plain(answer: _Answer) -> list[Any]:
    model, shares, label, number = answer
    return [model, list(shares), list(shares.values()), label, number]


def _answer(plain: Sequence[Any]) -> _Answer:
    model, labels, shares, label, number = plain
    return _Answer(model, dict(zip(labels, shares, strict=True)), label, number)
