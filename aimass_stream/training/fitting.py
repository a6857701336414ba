"""Fitting on a captured range: a chain, an estimator of scikit-learn behind it, or both.

What was learnt is written into a folder that `publish` makes a version of, and never changes in
it. The same records in the same order give the same files on one machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.adapters.estimator_files import write_estimator
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import settings
from aimass_stream.errors import ConfigError
from aimass_stream.records import Limits, Record
from aimass_stream.training.captured import Captured, Given, pairs_of
from aimass_stream.transforms.chain import Chain, Transform
from aimass_stream.transforms.estimators import Arrays
from aimass_stream.transforms.frozen import Frozen, learned_of, library_versions, write_chain
from aimass_stream.transforms.reading import decode, whole
from aimass_stream.transforms.running import Function, Running, function_of

_DEFAULT_LIMITS = Limits()


@dataclass
class FittedChain:
    """A chain that has learnt, and what has become of the records it learnt from.

    Attributes:
        captured: the range; its values are what the chain gives.
        declared: the steps that the declaration will say, as plain data.
        steps: those of the folder, likewise.
        learnt: what each of them has learnt; None where nothing.
        arrays: what of it is arrays.
    """

    captured: Captured
    declared: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    learnt: list[dict[str, Any] | None] = field(repr=False)
    arrays: Arrays = field(repr=False)

    def table(self) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
        """`(records, columns)` and what is to be learnt of each; None where nothing is.

        Raises:
            ConfigError: the values are no rows of one length.
        """
        captured = self.captured
        captured.go_on(whole)
        known = None if all(one is None for one in captured.answers) else np.array(captured.answers)
        try:
            return np.stack(captured.values), known
        except ValueError as error:
            raise ConfigError(f"What the chain gives are no rows of one length: {error}") from error

    def write(self, folder: Path) -> None:
        """Write the chain into a model's folder.

        Raises:
            OSError: the files cannot be written.
        """
        frozen = Frozen(
            declared=self.declared,
            steps=self.steps,
            learnt=self.learnt,
            libraries=library_versions(),
            rows=len(self.captured.values),
            refused=dict(self.captured.refused),
            ranges=self.captured.ranges,
        )
        write_chain(folder, frozen, self.arrays)


def fit(  # noqa: PLR0913 - all but three are told by name
    folder: Path | str,
    records: Iterable[Given],
    answers: Iterable[Any] | None = None,
    *,
    chain: Chain,
    estimator: Any = None,
    before: Chain | None = None,
    outputs: Sequence[str] = ("value",),
    limits: Limits = _DEFAULT_LIMITS,
) -> Captured:
    """Fit what has to be fitted of a chain, then an estimator, and write both into a folder.

    Values are made record by record up to the first step that is fitted; from there on a value of
    every record is held. Records that cannot be decoded, or that a step refuses, are left out and
    counted.

    Args:
        folder: made where it is missing; a chain and an estimator in it are replaced.
        records: the captured range; payloads of claims are fetched from this process's store. A
            JSON object, as a dict, and a payload, as bytes, count as records of no topic.
        answers: what is to be learnt of each record, one for one; None for clustering, and where
            neither a step nor the estimator needs any.
        chain: steps of this package.
        estimator: of scikit-learn, not fitted, and not changed; None to fit a chain for a model
            that is in the folder already.
        before: what the declaration will say as its own `before`; steps of other packages belong
            there, since a folder may not say what is imported.
        outputs: names of the numbers that a regressor gives.
        limits: bounds on a record, as those of the declaration.

    Returns:
        What was learnt from.

    Raises:
        ConfigError: nothing can be learnt from these records, or not by this chain or estimator.
        OSError: the files cannot be written.
    """
    fitted = fit_chain(records, answers, chain=chain, before=before, limits=limits)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if estimator is not None:
        rows, known = fitted.table()
        write_estimator(
            folder, fit_estimator(estimator, rows, known), rows, outputs, library_versions()
        )
    fitted.write(folder)
    return fitted.captured


def fit_chain(
    records: Iterable[Given],
    answers: Iterable[Any] | None,
    *,
    chain: Chain,
    before: Chain | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> FittedChain:
    """Fit what has to be fitted of a chain, and put a captured range through it.

    Args:
        records: the captured range.
        answers: what is to be learnt of each record; None where no step needs any.
        chain: steps of this package.
        before: what the declaration will say as its own `before`.
        limits: bounds on a record.

    Raises:
        ConfigError: nothing can be learnt from these records, or not by this chain.
    """
    if any(":" in step["step"] for step in chain.plain()) or (before and before.fitted_steps):
        raise ConfigError(
            "A chain is of this package's steps, and `before` has none that is fitted."
        )
    whole_chain = Chain(*before.steps, *chain.steps) if before else chain
    captured = Captured()
    captured.keep(pairs_of(records, answers), _beginning(captured, whole_chain, limits))
    return fit_captured(captured, chain, before=before, limits=limits)


def head_of(chain: Chain, limits: Limits) -> Running:
    """The steps of a chain that stand before the first that is fitted, ready to run.

    Raises:
        SetupError: a step's library is not installed.
    """
    steps = chain.steps[: _first_fitted(chain)]
    return Running([(step, function_of(step, limits)) for step in steps], limits)


def fit_captured(
    captured: Captured, chain: Chain, *, before: Chain | None = None, limits: Limits
) -> FittedChain:
    """Fit what has to be fitted of a chain on what has come as far as its first fitted step.

    Args:
        captured: values as `head_of` the whole chain gives them; changed.
        chain: steps of this package.
        before: what the declaration will say as its own `before`.
        limits: bounds on what a step gives.

    Raises:
        ConfigError: nothing can be learnt from these values, or not by this chain.
    """
    arrays, first = Arrays(), _first_fitted(chain)
    learnt: list[dict[str, Any] | None] = [None] * first
    for step in chain.steps[first:]:
        learnt.append(_learn(step, captured, arrays, f"{len(learnt)}.", limits))
    return FittedChain(captured, before.plain() if before else [], chain.plain(), learnt, arrays)


def _first_fitted(chain: Chain) -> int:
    steps = chain.steps
    return next((at for at, one in enumerate(steps) if one.is_fitted), len(steps))


def _beginning(captured: Captured, chain: Chain, limits: Limits) -> Function:
    """What makes of a record the value that the first fitted step is given."""
    ready, steps = head_of(chain, limits), chain.steps
    store = PayloadStore(settings().payloads_folder, settings().claim_prefixes)

    def make(record: Record) -> Any:
        captured.note(record)
        record.check(limits)
        if record.claim is not None:
            record.attach(store.fetch(record.claim, limits))
        return ready(decode(record.bytes, steps[0].takes, limits, steps[0]))

    return make


def _learn(
    step: Transform, captured: Captured, arrays: Arrays, prefix: str, limits: Limits
) -> dict[str, Any] | None:
    """Fit one step where it has to be, and put the range through it."""
    if not step.is_fitted:
        captured.go_on(Running([(step, function_of(step, limits))], limits))
        return None
    learned = learned_of(step)
    known = None if all(one is None for one in captured.answers) else captured.answers
    learned.fit(captured.values, known)
    captured.go_on(Running([(step, learned)], limits))
    return learned.freeze(arrays, prefix)


def fit_estimator(estimator: Any, rows: NDArray[np.float64], known: NDArray[Any] | None) -> Any:
    """A fitted copy of an estimator.

    Raises:
        ConfigError: it cannot be fitted on these rows.
    """
    from sklearn.base import clone

    try:
        return clone(estimator).fit(rows, known)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{estimator!r} cannot be fitted: {error}") from error
