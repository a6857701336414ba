"""What a voice is asked for and cannot do is refused; so is a recording that is not heard whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import import_adapter
from aimass_stream.records import Audio, Text
from aimass_stream.registry.folder import resolve
from tests.zoo import speech, transcripts

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voice")
    speech.build_fastspeech2(folder)
    return folder


def loaded(model: Any, home: Path) -> Any:
    spec = resolve(model, home)
    return import_adapter(spec.adapter)(spec, "cpu")


def test_a_header_may_say_who_speaks_and_nobody_else_does(voice: Path) -> None:
    model = Transformers("text-to-speech", str(voice))
    speaker = loaded(model, voice)
    headers = (("meta-speaker", b"2"),)
    line = Text("lines", 0, 0, 0, None, b"thank you", headers)
    line.check(model.limits)
    assert speaker.decode(model.payload(line)).speaker == 2
    for said in (b"3", b"-1", b"anna"):
        line = Text("lines", 0, 0, 0, None, b"thank you", (("meta-speaker", said),))
        line.check(model.limits)
        with pytest.raises(RecordError) as caught:
            speaker.decode(model.payload(line))
        assert caught.value.reason is Reason.BAD_ENVELOPE


def test_a_style_that_the_model_cannot_is_refused_when_it_is_loaded(voice: Path) -> None:
    lively: Any = {"lively": {"speed": 1.2, "variation": 1.5}}
    with pytest.raises(SetupError, match="variation"):
        loaded(Transformers("text-to-speech", str(voice), styles=lively), voice)
    with pytest.raises(SetupError, match="3 speakers"):
        loaded(Transformers("text-to-speech", str(voice), speaker=3), voice)


@pytest.mark.parametrize(
    "styles",
    [["calm"], {"calm": 1}, {"calm": {"pitch": 1}}, {"calm": {"speed": 9}}, {"": {"speed": 1}}],
)
def test_styles_that_are_none_are_refused(styles: Any) -> None:
    with pytest.raises(ConfigError, match="styles"):
        Transformers("text-to-speech", "models://voice", styles=styles)


def test_a_whisper_without_times_refuses_what_it_cannot_hear_whole(tmp_path: Path) -> None:
    transcripts.build_whisper(tmp_path)
    model = Transformers("automatic-speech-recognition", str(tmp_path))
    recogniser = loaded(model, tmp_path)
    record = Audio("calls", 0, 0, 0, None, transcripts.LONG[1], ())
    record.check(model.limits)
    with pytest.raises(RecordError) as caught:
        recogniser.decode(model.payload(record))
    assert caught.value.reason is Reason.TOO_LARGE
