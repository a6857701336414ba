"""Boosting: members trained round by round, each on what those before it got wrong.

SAMME (Zhu, Zou, Rosset and Hastie, Multi-class AdaBoost, 2009), as scikit-learn has it. What comes
of it is an ensemble like any other: `Ensemble(..., by="majority")` over the members, with the
weights of their rounds, answers with the labels that scikit-learn's own object would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimass_stream.adapters.estimator_files import write_estimator
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.ensembles.ensemble import Ensemble
from aimass_stream.errors import ConfigError
from aimass_stream.records import Limits, Prediction
from aimass_stream.registry.folder import publish
from aimass_stream.training.captured import Given
from aimass_stream.training.fitting import fit_chain, fit_estimator
from aimass_stream.transforms.chain import Chain
from aimass_stream.transforms.frozen import library_versions

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Boosted:
    """Members of an ensemble, in the order of their rounds.

    Attributes:
        folders: of each member's model.
        weights: of each member's vote, above 0.
        labels: that are told apart.
    """

    folders: Sequence[Path]
    weights: Sequence[float]
    labels: Sequence[str]

    def publish(self, name: str, models_folder: Path) -> Ensemble:
        """Put every member into the registry, as `name-00` and so on; the ensemble of them.

        Raises:
            ConfigError: the name cannot be one.
        """
        members: list[Sklearn[Prediction]] = []
        for number, folder in enumerate(self.folders):
            member = f"{name}-{number:02}"
            version = publish(
                models_folder, member, folder, task="classification", labels=list(self.labels)
            )
            members.append(Sklearn("classification", f"models://{member}@{version}"))
        return Ensemble(name, members, by="majority", weights=self.weights)


def boost(  # noqa: PLR0913 - all but three are told by name
    folder: Path | str,
    records: Iterable[Given],
    answers: Iterable[Any],
    *,
    chain: Chain,
    estimator: Any,
    rounds: int = 20,
    learning_rate: float = 1.0,
    seed: int = 0,
    limits: Limits = _DEFAULT_LIMITS,
) -> Boosted:
    """Fit a chain, then train members on a captured range, round by round.

    Rounds end early where a member is right on everything, or no better than chance. The same
    records in the same order give the same files on one machine.

    Args:
        folder: a folder for each member is made in it.
        records: the captured range, as `fit` takes it.
        answers: the label of each record, one for one.
        chain: steps of this package; fitted once, and the same before each member.
        estimator: a weak classifier of scikit-learn that heeds weights of rows, not fitted.
        rounds: members at the most, at least 2.
        learning_rate: what each round's weight is multiplied with.
        seed: of what is drawn.
        limits: bounds on a record, as those of the declaration.

    Raises:
        ConfigError: nothing can be learnt from these records, or fewer than two members came of
            it, which a single model does as well.
        OSError: the files cannot be written.
    """
    from sklearn.base import clone
    from sklearn.ensemble import AdaBoostClassifier

    if rounds < 2:
        raise ConfigError(f"rounds={rounds} makes no ensemble; give at least 2.")
    chained = fit_chain(records, answers, chain=chain, limits=limits)
    rows, known = chained.table()
    rule = AdaBoostClassifier(
        clone(estimator), n_estimators=rounds, learning_rate=learning_rate, random_state=seed
    )
    boosted = fit_estimator(rule, rows, known)
    if len(boosted.estimators_) < 2:
        raise ConfigError(
            f"{estimator!r} left nothing to the second round: it is right on every record, or no "
            "better than chance. Use it by itself, or a weaker one."
        )
    folders, libraries = [], library_versions()
    for number, member in enumerate(boosted.estimators_):
        place = Path(folder) / f"{number:02}"
        place.mkdir(parents=True, exist_ok=True)
        write_estimator(place, member, rows, (), libraries)
        chained.write(place)
        folders.append(place)
    weights = [float(one) for one in boosted.estimator_weights_[: len(folders)]]
    return Boosted(folders, weights, [str(one) for one in boosted.classes_])
