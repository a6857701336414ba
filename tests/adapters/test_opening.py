"""Models that decode alike say so, and others do not; decoding in two steps is decoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import ViTImageProcessorPil, Wav2Vec2FeatureExtractor

from aimass_stream.adapters.extraction import Extraction, load_extractor
from aimass_stream.adapters.transformers_images import Preparation, load_image_processor
from aimass_stream.adapters.transformers_text import TextClassifier
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import SharingPredictor
from aimass_stream.records import Limits
from tests.adapters.text_models import TEXTS, build, spec

pytestmark = pytest.mark.filterwarnings("ignore")


def test_image_processors_prepare_alike_where_all_their_settings_are_equal(tmp_path: Path) -> None:
    for name, edge in (("one", 32), ("same", 32), ("other", 48)):
        size = {"height": edge, "width": edge}
        ViTImageProcessorPil(size=size).save_pretrained(tmp_path / name)
    one, same, other = (
        Preparation(load_image_processor(tmp_path / name), Limits()).settings
        for name in ("one", "same", "other")
    )
    assert one is not None
    assert one == same
    assert one != other


def test_extractors_prepare_alike_where_all_their_settings_are_equal(tmp_path: Path) -> None:
    for name, normalizes in (("one", True), ("same", True), ("other", False)):
        extractor: Any = Wav2Vec2FeatureExtractor
        extractor(do_normalize=normalizes).save_pretrained(tmp_path / name)
    one, same, other = (
        Extraction(load_extractor(tmp_path / name), tmp_path / name).settings
        for name in ("one", "same", "other")
    )
    assert one is not None
    assert one == same
    assert one != other


def test_texts_are_prepared_alike_by_one_tokenizer_and_one_bound(tmp_path: Path) -> None:
    for name in ("one", "same"):
        build("classifier", tmp_path / name)
    one, same, shorter = (
        TextClassifier(spec(tmp_path / name, max_tokens=most), "cpu")
        for name, most in (("one", 64), ("same", 64), ("same", 16))
    )
    assert isinstance(one, SharingPredictor)
    assert (one.opening, one.preparing) == (same.opening, same.preparing)
    assert one.opening == shorter.opening
    assert one.preparing != shorter.preparing
    payload = TEXTS[1].encode()
    assert np.array_equal(one.decode(payload), same.prepare(one.open(payload)))
    with pytest.raises(RecordError) as caught:
        one.open(b"\xff")
    assert caught.value.reason is Reason.UNDECODABLE
    limited = TextClassifier(spec(tmp_path / "one", Limits(text_bytes=8)), "cpu")
    assert limited.opening != one.opening
