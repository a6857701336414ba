"""Every case of the catalogue, under the headings that `docs/reasons.md` has."""

from __future__ import annotations

from collections.abc import Iterable

from aimass_stream.errors import Reason
from tests.bad_input import (
    test_audio,
    test_behaviour,
    test_envelopes,
    test_images,
    test_json,
    test_records,
    test_texts,
    test_topics,
)
from tests.bad_input.cases import Case


def outcomes(cases: Iterable[Case]) -> dict[str, str]:
    """What becomes of each case, by its name, as the documents write it."""
    return {
        case.name: f"`{case.outcome}`" if isinstance(case.outcome, Reason) else case.outcome
        for case in cases
    }


CATALOGUE = {
    "Any record": {**outcomes(test_records.CASES), **test_topics.TOPIC_CASES},
    "JSON": outcomes(test_json.CASES),
    "Files in JSON and claims": outcomes(test_envelopes.CASES),
    "Images": outcomes(test_images.CASES),
    "Audio": outcomes(test_audio.CASES),
    "Texts": outcomes(test_texts.CASES),
    "Behaviour": outcomes(test_behaviour.CASES),
}
