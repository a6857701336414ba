"""The `Predictor` of `Graph`: its steps, one after another, for a whole batch. In device processes.

All pieces of a batch go through a step together, whichever records they are of, and come back to
their records: that is the fan-out and the join.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimass_stream.ensembles.alignment import Alignment
from aimass_stream.ensembles.crops import Boxes, CropStep, embedded, finer
from aimass_stream.ensembles.members import Member, Opened, load_member
from aimass_stream.ensembles.steps import Given, RecordStep, RunStep, TextStep, Work
from aimass_stream.ensembles.turning import check_turning
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.model import ModelSpec


class Runner:
    """Runs the steps of a graph.

    A failing call of a step fails the batch, which the engine splits until the record at fault
    stands alone. A record for which one step has no answer has none at all.

    Args:
        spec: the resolved declaration, its `parts` the steps' models.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: a model cannot be loaded, or one that reads another's answer takes no image,
            or no text; or a detector tells none of the keypoints that have a place.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._members: dict[str, Member] = {}
        self._steps: list[RunStep] = []
        self._tells = [str(name) for name in spec.options["tells"]]
        self._given = Given(bool(spec.options["seeded"]), bool(spec.options["told"]))
        self._cropped: set[str] = set()
        declared = zip(spec.options["steps"], spec.options["ways"], spec.parts, strict=True)
        for step_options, way, part in declared:
            member = self._members[step_options["name"]] = load_member(part, device)
            step = self._make(spec.id, member, {**step_options, **way})
            step.try_out(spec.id)
            self._steps.append(step)

    def decode(self, payload: bytes | memoryview) -> Work:
        """One payload as the steps that read the record take it; several threads may call.

        Raises:
            RecordError: one of them cannot take it.
        """
        seed, told, body = self._given.split(payload)
        opened, work = Opened(body), Work(seed)
        for step in self._steps:
            if isinstance(step, RecordStep):
                if any(step.given):
                    # It is given more than the payload, so it shares nothing with others.
                    own = step.given.payload(seed, told.get(step.name, {}), body)
                    work.inputs[step.name] = step.member.predictor.decode(own)
                else:
                    work.inputs[step.name] = _good(opened.input_of(step.member))
        for name in self._cropped:
            sharing = self._members[name].sharing
            if sharing is not None:
                work.images[name] = _good(opened.open(sharing))
        return work

    def predict(self, inputs: Sequence[Work]) -> list[dict[str, Any] | RecordError]:
        """The answers of the steps that are told, by name, for each record in order."""
        answers: list[dict[str, Any]] = [{} for _ in inputs]
        failed: dict[int, RecordError] = {}
        for step in self._steps:
            rows = [row for row in range(len(inputs)) if row not in failed]
            self._run(step, [(row, inputs[row], answers[row]) for row in rows], failed)
        return [
            failed[row] if row in failed else {name: found[name] for name in self._tells}
            for row, found in enumerate(answers)
        ]

    def close(self) -> None:
        """Close the models."""
        for member in self._members.values():
            member.predictor.close()

    def _make(self, model: str, member: Member, options: dict[str, Any]) -> RunStep:
        name, after, rows = options["name"], options["after"], int(options["rows"])
        given = Given(bool(options["seeded"]), bool(options["told"]))
        if options["reads"] == "record":
            return RecordStep(name, member, rows, given)
        if options["reads"] == "text":
            return TextStep(name, member, rows, after, given)
        if self._members[after].sharing is None or member.sharing is None:
            raise SetupError(
                f"{model}: step {name!r} needs parts of the image that {after!r} looked at, so "
                "both models must be SharingPredictors of images, as those of `Transformers` and "
                "`Torch` are."
            )
        self._cropped.add(after)
        align = Alignment(**options["align"]) if "align" in options else None
        if align is not None:
            self._check_turning(model, name, after, align)
        boxes = Boxes(after, frozenset(options["labels"]), float(options["margin"]), align)
        return CropStep(name, member, rows, boxes, embedded if options["embeds"] else finer)

    def _check_turning(self, model: str, name: str, after: str, align: Alignment) -> None:
        known = getattr(self._members[after].predictor, "keypoint_names", ())
        try:
            check_turning(known, align)
        except SetupError as error:
            raise SetupError(f"{model}: step {name!r}: {error}") from error

    def _run(
        self,
        step: RunStep,
        records: Sequence[tuple[int, Work, dict[str, Any]]],
        failed: dict[int, RecordError],
    ) -> None:
        """Have a step answer for these records; note which it has no answer for."""
        pieces: list[Any] = []
        spans: list[tuple[int, dict[str, Any], Any, slice]] = []
        for row, work, answers in records:
            try:
                cut = step.cut(work, answers)
            except RecordError as error:
                failed[row] = _of_step(step, error)
                continue
            spans.append((row, answers, cut, slice(len(pieces), len(pieces) + len(cut.inputs))))
            pieces += cut.inputs
        found = step.ask(pieces)
        for row, answers, cut, span in spans:
            failure = next((one for one in found[span] if isinstance(one, RecordError)), None)
            if failure is None:
                answers[step.name] = cut.join(found[span])
            else:
                failed[row] = _of_step(step, failure)


def _good(made: Any | RecordError) -> Any:
    if isinstance(made, RecordError):
        raise made
    return made


def _of_step(step: RunStep, error: RecordError) -> RecordError:
    return RecordError(error.reason, f"step {step.name}: {error.detail}", error.trace)
