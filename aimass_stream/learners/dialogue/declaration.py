"""The declaration of a dialogue; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, field
from string import Formatter
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Reply


@dataclass(frozen=True)
class Form:
    """What is said to an intent, and what has to be known before.

    Attributes:
        says: the answer, with `{slot}` for what was found out.
        needs: for each slot the question that is asked while it is missing, in this order. A slot
            is filled by what was found under its name in the speech.
        style: in which both are spoken; empty for the voice's own.
    """

    says: str
    needs: Mapping[str, str] = field(default_factory=dict)
    style: str = ""


@dataclass(frozen=True)
class Dialogue(Learner[Reply]):
    """Knows for each speaker what the talk is about and what it still has to ask.

    ```python
    talk = Dialogue(
        "talk",
        {"track": Form("Parcel {order} is on its way.", needs={"order": "Which order is it?"})},
        otherwise="I did not understand. Please say it again.",
    )
    ```

    Its log holds what was understood, keyed by speaker: JSON with `words` (a `Transcript`),
    `intent` (a `Prediction`) and `slots` (`Entities`), which is what a graph of a recogniser, a
    classifier and a finder of entities answers. Each is answered with a `Reply`.

    An intent opens its form. While the form misses a slot, one question is asked a turn, and what
    is found under the names of its slots fills it, whatever the intent of that turn; only a turn
    that fills nothing may change to another form. A form that misses nothing is answered, and
    closed.

    Attributes:
        forms: by intent.
        otherwise: what is said where no form is open and none is asked for.
        least_score: an intent below it is none.
        pause_s: seconds of event time behind which a talk begins anew.
        keys: speakers remembered; the longest silent go first.

    Raises:
        ConfigError: a value makes no sense, or a form says a slot that it does not need.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.dialogue.state:DialogueState"

    name: str
    forms: Mapping[str, Form] = field(hash=False)
    _: KW_ONLY
    otherwise: str
    least_score: float = 0.5
    pause_s: float = 300.0
    keys: int = 10_000
    block_rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, keys=1)
        require(self, holds=bool(self.forms), otherwise="it needs a form")
        require(self, holds=bool(self.otherwise.strip()), otherwise="otherwise must say something")
        require(self, holds=0 <= self.least_score <= 1, otherwise="least_score must be 0 to 1")
        require_above_zero(self, "pause_s")
        for intent, form in self.forms.items():
            problem = _problem(form)
            require(self, holds=not problem, otherwise=f"the form {intent!r} {problem}")

    @property
    def answer_type(self) -> type[Reply]:
        """What is said next."""
        return Reply

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's, its forms as plain data."""
        forms = {intent: plain(form) for intent, form in self.forms.items()}
        return {**settings_of(self), "forms": forms}


def plain(form: Form) -> dict[str, Any]:
    """A form as plain data, which `Form(**data)` makes it again."""
    return {**asdict(form), "needs": dict(form.needs)}


def _problem(form: Form) -> str:
    """What is wrong with a form, as the end of a sentence; empty where nothing is."""
    if not form.says.strip() or not all(text.strip() for text in form.needs.values()):
        return "must say something, and each of its questions too"
    try:
        said = [name for _, name, _, _ in Formatter().parse(form.says) if name is not None]
    except ValueError as error:
        return f"has a brace that is no slot: {error}"
    unknown = sorted({name for name in said if name not in form.needs})
    return f"says {', '.join(map(repr, unknown))}, which it does not need" if unknown else ""
